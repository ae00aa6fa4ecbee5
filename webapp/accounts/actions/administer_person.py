"""What a site admin does to an account. Each act ends in one audit entry."""

from allauth.account.forms import default_token_generator
from allauth.account.utils import user_pk_to_url_str
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.core.exceptions import ValidationError
from django.db import transaction
from django.urls import reverse
from django.utils.translation import gettext as _

from webapp.accounts.models import User
from webapp.audit.actions.record import record
from webapp.public_address import public_address


def _locked(person: User) -> User:
    """The row, with all site admins' rows locked, so that two admins cannot remove each other."""
    list(User.objects.select_for_update().filter(is_site_admin=True).order_by("pk"))
    return User.objects.select_for_update().get(pk=person.pk)


def _keep_one_admin(person: User) -> None:
    others = User.objects.filter(is_site_admin=True, is_active=True).exclude(pk=person.pk)
    if person.is_site_admin and person.is_active and not others.exists():
        raise ValidationError(
            _("This is the only site admin who can log in. Make somebody else one first.")
        )


@transaction.atomic
def disable_person(*, person: User, by: User) -> None:
    """No login any more; sessions end at their next request and tokens stop at once.

    Raises:
        ValidationError: it is the last site admin who can log in.
    """
    person = _locked(person)
    _keep_one_admin(person)
    person.is_active = False
    person.sessions_epoch += 1  # enabling the account again must not revive an old session
    person.save(update_fields=["is_active", "sessions_epoch"])
    record(actor=by, action="person.disable", target=person, changes={"is_active": [True, False]})


@transaction.atomic
def enable_person(*, person: User, by: User) -> None:
    person = _locked(person)
    person.is_active = True
    person.save(update_fields=["is_active"])
    record(actor=by, action="person.enable", target=person, changes={"is_active": [False, True]})


@transaction.atomic
def set_site_admin(*, person: User, is_site_admin: bool, by: User) -> None:
    """Raises:
    ValidationError: it would leave the site without an admin who can log in.
    """
    person = _locked(person)
    if not is_site_admin:
        _keep_one_admin(person)
    before, person.is_site_admin = person.is_site_admin, is_site_admin
    person.save(update_fields=["is_site_admin"])
    changes = {"is_site_admin": [before, is_site_admin]}
    record(actor=by, action="person.set_site_admin", target=person, changes=changes)


@transaction.atomic
def set_may_create_workspaces(*, person: User, may: bool, by: User) -> None:
    person = _locked(person)
    before, person.may_create_workspaces = person.may_create_workspaces, may
    person.save(update_fields=["may_create_workspaces"])
    changes = {"may_create_workspaces": [before, may]}
    record(actor=by, action="person.set_may_create_workspaces", target=person, changes=changes)


@transaction.atomic
def end_all_sessions(*, person: User, by: User) -> None:
    """Every browser of this person is logged out at its next request."""
    person = _locked(person)
    person.sessions_epoch += 1
    person.save(update_fields=["sessions_epoch"])
    UserSession.objects.filter(user=person).delete()
    record(actor=by, action="person.end_sessions", target=person)


@transaction.atomic
def remove_second_factor(*, person: User, by: User) -> None:
    """For somebody who lost phone and recovery codes.

    Raises:
        ValidationError: there is none.
    """
    removed, _kinds = Authenticator.objects.filter(user=person).delete()
    if not removed:
        raise ValidationError(_("This person has no second factor."))
    record(actor=by, action="person.remove_second_factor", target=person)


@transaction.atomic
def issue_reset_link(*, person: User, by: User) -> str:
    """A link with which the person sets a new password: once, within 24 hours.

    Raises:
        ValidationError: the account is disabled.
    """
    if not person.is_active:
        raise ValidationError(_("This account is disabled. Enable it first."))
    token = default_token_generator.make_token(person)
    record(actor=by, action="person.issue_reset_link", target=person)
    arguments = {"uidb36": user_pk_to_url_str(person), "key": token}
    return public_address(reverse("account_reset_password_from_key", kwargs=arguments))
