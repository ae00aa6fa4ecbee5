"""Logins, logouts, passwords and second factors leave an audit entry, whoever brings them about."""

import time
from typing import Any

from allauth.account import signals as account_signals
from allauth.mfa import signals as mfa_signals
from django.contrib.auth import signals as auth_signals
from django.dispatch import receiver
from django.http import HttpRequest

from webapp.accounts.models import User
from webapp.accounts.sessions import BEGAN, SEEN
from webapp.audit.actions.record import record


@receiver(auth_signals.user_logged_in)
def logged_in(request: HttpRequest | None, user: User, **kwargs: Any) -> None:
    if request is not None and hasattr(request, "session"):
        request.session[BEGAN] = time.time()
        request.session.pop(SEEN, None)  # the next request writes it, and lists the session
    record(actor=user, action="login", target=user)


@receiver(auth_signals.user_logged_out)
def logged_out(user: User | None, **kwargs: Any) -> None:
    if user is not None:
        record(actor=user, action="logout", target=user)


@receiver(auth_signals.user_login_failed)
def login_failed(credentials: dict[str, Any], **kwargs: Any) -> None:
    record(actor=None, action="login.failed", target=f"address {credentials.get('email', '')}")


@receiver([account_signals.password_changed, account_signals.password_set])
def password_changed(user: User, **kwargs: Any) -> None:
    record(actor=user, action="password.change", target=user)


@receiver(account_signals.password_reset)
def password_reset(user: User, **kwargs: Any) -> None:
    record(actor=user, action="password.reset", target=user)


@receiver(account_signals.email_changed)
def email_changed(user: User, from_email_address: Any, to_email_address: Any, **_: Any) -> None:
    before = from_email_address.email if from_email_address else None
    changes = {"email": [before, to_email_address.email]}
    record(actor=user, action="person.change_email", target=user, changes=changes)


@receiver(mfa_signals.authenticator_added)
def second_factor_added(user: User, authenticator: Any, **kwargs: Any) -> None:
    changes = {"type": [None, str(authenticator.type)]}
    record(actor=user, action="second_factor.add", target=user, changes=changes)


@receiver(mfa_signals.authenticator_removed)
def second_factor_removed(user: User, authenticator: Any, **kwargs: Any) -> None:
    changes = {"type": [str(authenticator.type), None]}
    record(actor=user, action="second_factor.remove", target=user, changes=changes)


@receiver(mfa_signals.authentication_failed)
def second_factor_failed(user: User, **kwargs: Any) -> None:
    record(actor=user, action="login.failed", target=f"second factor of user {user.pk}")
