"""What a person changes about the own account."""

from allauth.usersessions.models import UserSession
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from webapp.accounts.models import User, validate_time_zone
from webapp.audit.actions.record import record


@transaction.atomic
def change_profile(*, person: User, name: str, time_zone: str) -> User:
    """Raises:
    ValidationError: there is no such time zone, or the name is too long.
    """
    try:
        validate_time_zone(time_zone)
    except ValidationError as error:
        raise ValidationError({"time_zone": error.messages}) from error
    name = name.strip()
    if len(name) > 150:
        raise ValidationError({"name": _("A name has at most 150 characters.")})
    changes = {
        field: [getattr(person, field), value]
        for field, value in {"name": name, "time_zone": time_zone}.items()
        if getattr(person, field) != value
    }
    person.name, person.time_zone = name, time_zone
    person.save(update_fields=["name", "time_zone"])
    if changes:
        record(actor=person, action="person.change_profile", target=person, changes=changes)
    return person


@transaction.atomic
def end_own_session(*, person: User, session: UserSession) -> None:
    """That browser is logged out at its next request."""
    record(actor=person, action="session.end", target=f"session {session.pk}")
    session.end()


@transaction.atomic
def end_other_sessions(*, person: User, current_key: str) -> int:
    """Every browser but this one. Returns how many."""
    others = list(UserSession.objects.filter(user=person).exclude(session_key=current_key))
    for session in others:
        session.end()
    record(
        actor=person,
        action="session.end_others",
        target=person,
        changes={"sessions": [len(others) + 1, 1]},
    )
    return len(others)
