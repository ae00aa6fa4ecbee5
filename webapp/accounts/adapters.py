"""Where allauth asks us: who may sign up, how often to try, what a link looks like."""

import base64
import hashlib
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from cryptography.fernet import Fernet
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

from webapp.accounts.models import User
from webapp.accounts.throttle import LOGIN_OF_ACCOUNT_FROM_PLACE, LOGINS_FROM_PLACE, sweep
from webapp.audit.actions.record import record
from webapp.public_address import public_address
from webapp.request_context import client_ip
from webapp.workspaces.actions.accept_invitation import accept_all_for, has_open_invitation


def too_many(request: HttpRequest, seconds: int) -> HttpResponse:
    response = render(request, "429.html", {"minutes": -(-seconds // 60)}, status=429)
    response["Retry-After"] = str(seconds)
    return response


class AccountAdapter(DefaultAccountAdapter):
    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False  # people come by invitation

    def get_client_ip(self, request: HttpRequest) -> str:
        return client_ip(request) or "0.0.0.0"  # noqa: S104 (an unknown place, not an address to bind)

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        """Count the attempt before the password is looked at; a good one is uncounted later."""
        place = self.get_client_ip(request)
        wait = max(
            LOGINS_FROM_PLACE.take(place),
            LOGIN_OF_ACCOUNT_FROM_PLACE.take(self._account_at(place, credentials)),
        )
        if wait:
            record(actor=None, action="login.throttled", target=f"address {place}")
            raise ImmediateHttpResponse(too_many(request, wait))

    def authenticate(self, request: HttpRequest, **credentials: Any) -> Any:
        user = super().authenticate(request, **credentials)
        if user:
            place = self.get_client_ip(request)
            LOGINS_FROM_PLACE.give_back(place)
            LOGIN_OF_ACCOUNT_FROM_PLACE.give_back(self._account_at(place, credentials))
        return user

    def authentication_failed(self, request: HttpRequest, **credentials: Any) -> None:
        sweep()

    def reauthenticate(self, user: Any, password: str) -> bool:
        found = self.authenticate(self.request, email=user.email, password=password)
        return found is not None and found.pk == user.pk

    def _delete_login_attempts_cached_email(self, request: HttpRequest, **credentials: Any) -> None:
        place = self.get_client_ip(request)
        LOGIN_OF_ACCOUNT_FROM_PLACE.forget(self._account_at(place, credentials))

    def _rollback_login_failed_rl_usage(self) -> None:
        pass  # given back in authenticate()

    @staticmethod
    def _account_at(place: str, credentials: dict[str, Any]) -> str:
        return f"{credentials.get('email', '').strip().lower()} from {place}"

    def get_reset_password_from_key_url(self, key: str) -> str:
        user, _dash, token = key.partition("-")
        path = reverse("account_reset_password_from_key", kwargs={"uidb36": user, "key": token})
        return public_address(path)

    def get_email_confirmation_url(self, request: HttpRequest, emailconfirmation: Any) -> str:
        return public_address(reverse("account_confirm_email", args=[emailconfirmation.key]))

    def get_password_change_redirect_url(self, request: HttpRequest) -> str:
        return reverse("account_profile")


class SingleSignOnAdapter(DefaultSocialAccountAdapter):
    """The identity provider says who somebody is; whether they may enter is said here."""

    def pre_social_login(self, request: HttpRequest, sociallogin: Any) -> None:
        if sociallogin.is_existing or self._may_enter(sociallogin):
            return
        email = next((address.email for address in sociallogin.email_addresses), "")
        record(actor=None, action="login.refused", target=f"single sign-on of {email}")
        sentence = _(
            "Nobody has invited %(email)s yet, or your identity provider has not verified this "
            "address. Ask a manager of the workspace for an invitation."
        )
        messages.error(request, sentence % {"email": email or _("an account without an address")})
        raise ImmediateHttpResponse(redirect("account_login"))

    def is_open_for_signup(self, request: HttpRequest, sociallogin: Any) -> bool:
        return self._may_enter(sociallogin)

    @staticmethod
    def _may_enter(sociallogin: Any) -> bool:
        verified = [each.email for each in sociallogin.email_addresses if each.verified is True]
        return bool(verified) and (settings.OIDC_OPEN or any(map(has_open_invitation, verified)))

    def populate_user(self, request: HttpRequest, sociallogin: Any, data: dict[str, Any]) -> User:
        for address in sociallogin.email_addresses:
            # Some providers send words; to Python the word "false" is true.
            address.verified = str(address.verified).lower() == "true"
        user = sociallogin.user
        user.email = str(data.get("email") or "").strip().lower()
        user.name = str(data.get("name") or "")[:150].replace("\0", "")
        return user

    def save_user(self, request: HttpRequest, sociallogin: Any, form: Any = None) -> User:
        user = super().save_user(request, sociallogin, form)
        record(actor=user, action="person.join", target=user, changes={"by": [None, "sso"]})
        accept_all_for(user=user)
        return user


class SecondFactorAdapter(DefaultMFAAdapter):
    """Secrets of authenticator apps are encrypted at rest with a key derived from SECRET_KEY."""

    def encrypt(self, text: str) -> str:
        return self._fernet().encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        return self._fernet().decrypt(encrypted_text.encode()).decode()

    def build_totp_svg(self, url: str) -> SafeString:
        # Drawn by the qrcode library from an address we made; the page shows it inline, because
        # the content security policy allows no data: images.
        return mark_safe(super().build_totp_svg(url))  # noqa: S308

    def get_totp_issuer(self) -> str:
        return f"Rondo ({settings.PUBLIC_URL.hostname})"

    @staticmethod
    def _fernet() -> Fernet:
        key = hashlib.sha256(b"second factor\n" + settings.SECRET_KEY.encode()).digest()
        return Fernet(base64.urlsafe_b64encode(key))
