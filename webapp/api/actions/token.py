"""A person makes and revokes keys for programs."""

import hashlib
import secrets
from datetime import timedelta

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from webapp.accounts.models import User
from webapp.api.models import ApiToken
from webapp.audit.actions.record import record
from webapp.workspaces.access import workspaces_of
from webapp.workspaces.models import Workspace

LONGEST_DAYS = 366


def secret_hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


@transaction.atomic
def create_token(
    *, user: User, name: str, scope: str, days: int, workspace: Workspace | None = None
) -> tuple[ApiToken, str]:
    """Returns the row and the token itself, which is kept nowhere: rondo_PREFIX_SECRET.

    Raises:
        ValidationError: an empty name, an unknown scope, more than 366 days, or a workspace that
            the person cannot see.
    """
    if not name.strip():
        raise ValidationError({"name": _("Give the token a name, so that you know it later.")})
    if scope not in ApiToken.Scope.values:
        raise ValidationError({"scope": _("Allowed: read, write.")})
    if not 1 <= days <= LONGEST_DAYS:
        raise ValidationError(
            {"days": _("A token works for 1 to %(most)d days.") % {"most": LONGEST_DAYS}}
        )
    if workspace is not None and not workspaces_of(user).filter(pk=workspace.pk).exists():
        raise ValidationError({"workspace": _("You are not a member of this workspace.")})
    prefix, secret = secrets.token_hex(4), secrets.token_urlsafe(32)
    token = ApiToken.objects.create(
        user=user,
        name=name.strip()[:100],
        prefix=prefix,
        secret_hash=secret_hash(secret),
        scope=scope,
        workspace=workspace,
        expires_at=timezone.now() + timedelta(days=days),
    )
    record(
        actor=user,
        action="token.create",
        target=f"token {prefix}",
        workspace=workspace,
        changes={"scope": [None, scope], "days": [None, days]},
    )
    return token, f"rondo_{prefix}_{secret}"


@transaction.atomic
def revoke_token(*, token: ApiToken, by: User) -> None:
    """The very next request with it is refused.

    Raises:
        ValidationError: it was revoked before.
    """
    revoked = ApiToken.objects.filter(pk=token.pk, revoked_at=None)
    if not revoked.update(revoked_at=timezone.now()):
        raise ValidationError(_("This token was revoked before."))
    record(
        actor=by,
        action="token.revoke",
        target=f"token {token.prefix}",
        workspace=token.workspace,
    )
