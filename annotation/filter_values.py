"""Checked values of filters: what came by an address or as JSON, or a sentence why not."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime
from django.utils.translation import gettext as _

LONGEST = 200  # characters of one value
MOST = 500  # values of one field


def texts(name: str, given: Any) -> tuple[str, ...]:
    if given is None:
        return ()
    if not isinstance(given, Sequence) or isinstance(given, str | bytes) or len(given) > MOST:
        raise ValidationError(_("%s is a list of at most 500 values.") % name)
    for value in given:
        if not isinstance(value, str) or len(value) > LONGEST or "\0" in value:
            raise ValidationError(_("%s holds texts of at most 200 characters.") % name)
    return tuple(dict.fromkeys(given))


def ids(name: str, given: Any, most: int = MOST) -> tuple[int, ...]:
    if given is None:
        return ()
    if not isinstance(given, Sequence) or isinstance(given, str | bytes) or len(given) > most:
        raise ValidationError(
            _("%(name)s is a list of at most %(most)d ids.") % {"name": name, "most": most}
        )
    found = []
    for value in given:
        text = str(value)
        if isinstance(value, bool) or not (text.isascii() and text.isdigit() and len(text) < 19):
            raise ValidationError(
                _("%(name)s has %(value)s; an id is a whole number.")
                % {"name": name, "value": repr(text[:80])}
            )
        found.append(int(text))
    return tuple(dict.fromkeys(found))


def number(name: str, given: Any, most: int = 100_000_000) -> int | None:
    """A whole number from 0 on, or None for nothing given."""
    if given is None or given == "":
        return None
    text = str(given)
    plain = text.isascii() and text.isdigit() and len(text) < 19
    if isinstance(given, bool) or not plain or int(text) > most:
        raise ValidationError(
            _("%(name)s is %(value)s; write a whole number from 0 to %(most)d.")
            % {"name": name, "value": repr(text[:80]), "most": most}
        )
    return int(text)


def moment(name: str, given: Any) -> datetime | None:
    """A date is its first moment, in the time zone of whoever asks."""
    if given is None or given == "":
        return None
    if isinstance(given, datetime):
        found: datetime | None = given
    else:
        text = str(given)[:40]
        try:
            found = parse_datetime(text)
            if found is None and (day := parse_date(text)):
                found = datetime(day.year, day.month, day.day)
        except ValueError:
            found = None
    if found is None:
        raise ValidationError(
            _("%(name)s is %(value)s; write a date like 2026-01-31 or 2026-01-31T12:00Z.")
            % {"name": name, "value": repr(str(given)[:40])}
        )
    return timezone.make_aware(found) if timezone.is_naive(found) else found


def only(name: str, given: Sequence[str], allowed: Sequence[str]) -> None:
    for value in given:
        if value not in allowed:
            raise ValidationError(
                _("%(name)s has %(value)s. Allowed: %(allowed)s.")
                % {"name": name, "value": repr(value[:80]), "allowed": ", ".join(allowed)}
            )
