"""Who asks: a program with a token, or a person's browser session.

A request with an Authorization header is judged by it alone; its cookies are not looked at. A
token in the address is never read: addresses end up in logs.
"""

import hmac
from datetime import timedelta
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _
from rest_framework.authentication import (
    BaseAuthentication,
    SessionAuthentication,
    get_authorization_header,
)
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from webapp.accounts.models import User
from webapp.api.actions.token import secret_hash
from webapp.api.models import ApiToken
from webapp.database.planned import planned_row
from webapp.joined_rows import columns, instances

EXACT_TO = timedelta(minutes=1)


def token_of(text: str) -> ApiToken | None:
    """The working token that `text` is, or None. The comparison takes the same time for all."""
    prefix, secret = parts_of(text)
    found = _token_with_user(prefix) if prefix else None
    return found if works_for(found, secret) else None


def parts_of(text: str) -> tuple[str, str]:
    """The prefix by which a token is found, empty where `text` can be none; and its secret."""
    kind, _first, rest = text.partition("_")
    prefix, _second, secret = rest.partition("_")
    possible = kind == "rondo" and len(prefix) == 8 and prefix.isalnum() and prefix.isascii()
    return prefix if possible else "", secret


def works_for(found: ApiToken | None, secret: str) -> bool:
    """Whether this is the token's secret, and the token and its person may be used."""
    kept = found.secret_hash if found else "0" * 64
    same = hmac.compare_digest(kept, secret_hash(secret))
    return found is not None and same and found.works and found.user.is_active


def _token_with_user(prefix: str) -> ApiToken | None:
    statement = f"""SELECT {columns(ApiToken, "token")}, {columns(User, "person")}
        FROM api_apitoken token JOIN accounts_user person ON person.id = token.user_id
        WHERE token.prefix = %(prefix)s"""  # noqa: S608 - constants; the value is a parameter
    row = planned_row(statement, {"prefix": prefix})
    if row is None:
        return None
    (token, user), _rest = instances(row, ApiToken, User)
    token.user = user
    return token


class TokenAuthentication(BaseAuthentication):
    """Authorization: Bearer rondo_..."""

    def authenticate(self, request: Request) -> tuple[User, ApiToken] | None:
        header = get_authorization_header(request)
        if not header:
            return None
        kind, _space, text = header.decode("latin-1").partition(" ")
        token = token_of(text.strip()) if kind.lower() == "bearer" else None
        if token is None:
            raise AuthenticationFailed(
                _("This token is unknown, revoked or has run out. Make one under /account/tokens/.")
            )
        now = timezone.now()
        if token.last_used_at is None or now - token.last_used_at > EXACT_TO:
            ApiToken.objects.filter(pk=token.pk).update(last_used_at=now)
        return token.user, token

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="Rondo"'


class BrowserSessionAuthentication(SessionAuthentication):
    """The logged-in browser; every unsafe method needs the CSRF token."""

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="Rondo"'  # so that nobody answers 401, not 403


def token_in(request: Any) -> ApiToken | None:
    """The token that this request came with, if it did."""
    auth = getattr(request, "auth", None)
    return auth if isinstance(auth, ApiToken) else None
