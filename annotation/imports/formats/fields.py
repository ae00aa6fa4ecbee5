"""Fields of a decoded record, each of the type it must have or refused by its path."""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from annotation.imports.formats.refusals import Refused

_NAMES = {
    dict: "an object",
    list: "a list",
    str: "a text",
    bool: "true or false",
    type(None): "null",
}


def kind_of(value: Any) -> str:
    """What a JSON value is, in words."""
    return _NAMES.get(type(value), "a number")


def record_object(value: Any) -> dict[str, Any]:
    """The record itself, which must be an object."""
    if type(value) is not dict:
        raise Refused(f"is {kind_of(value)} where the record should be an object")
    return value


def text(record: Mapping[str, Any], key: str, *, empty: bool = False) -> str:
    """A required text. Raises Refused when it is missing, no text, or blank unless `empty`."""
    value = record.get(key)
    if type(value) is not str:
        if key not in record:
            raise Refused(f"is missing; the record has {_some_keys(record)}", key)
        raise Refused(f"is {kind_of(value)} where a text belongs", key)
    if not empty and not value.strip():
        raise Refused("is empty", key)
    return value


def optional_text(record: Mapping[str, Any], key: str) -> str:
    """A text, or "" when it is missing or null."""
    value = record.get(key)
    if value is None:
        return ""
    if type(value) is not str:
        raise Refused(f"is {kind_of(value)} where a text belongs", key)
    return value


def label(record: Mapping[str, Any], key: str) -> str:
    """A name or id, which sources write as text or as a whole number; "" when missing or null."""
    value = record.get(key)
    if value is None:
        return ""
    if type(value) is str:
        return value.strip()
    if type(value) is int:
        return str(value)
    if type(value) is float and value.is_integer():
        return str(int(value))
    raise Refused(f"is {kind_of(value)} where a name or a number belongs", key)


def items(record: Mapping[str, Any], key: str, *, empty: bool = False) -> list[Any]:
    """A required list. A text that is a JSON list counts too: tables hold lists that way."""
    if key not in record:
        raise Refused(f"is missing; the record has {_some_keys(record)}", key)
    value = record[key]
    if type(value) is str and value.lstrip()[:1] == "[":
        value = list_in_text(value, key)
    if type(value) is not list:
        raise Refused(f"is {kind_of(value)} where a list belongs", key)
    if not value and not empty:
        raise Refused("is an empty list", key)
    return value


def list_in_text(value: str, path: str) -> list[Any]:
    """The list written as JSON inside a text."""
    try:
        found = json.loads(value)
    except (ValueError, RecursionError):
        raise Refused("starts like a JSON list but is none", path) from None
    if not isinstance(found, list):
        raise Refused("starts like a JSON list but is none", path)
    return found


def objects(record: Mapping[str, Any], key: str, *, empty: bool = False) -> list[dict[str, Any]]:
    """A required list of objects."""
    found = items(record, key, empty=empty)
    for position, item in enumerate(found):
        if type(item) is not dict:
            raise Refused(f"is {kind_of(item)} where an object belongs", f"{key}[{position}]")
    return found


def nested(record: Mapping[str, Any], key: str) -> dict[str, Any]:
    """A required object."""
    if key not in record:
        raise Refused(f"is missing; the record has {_some_keys(record)}", key)
    value = record[key]
    if type(value) is not dict:
        raise Refused(f"is {kind_of(value)} where an object belongs", key)
    return value


def number(record: Mapping[str, Any], key: str) -> float | None:
    """A finite number, also one written as text; None when missing, null or blank."""
    value = record.get(key)
    if value is None or value == "":
        return None
    if isinstance(value, str):
        written = value
        try:
            value = float(written)
        except ValueError:
            raise Refused(f"is {written[:40]!r} where a number belongs", key) from None
    if type(value) is bool or not isinstance(value, (int, float)):
        raise Refused(f"is {kind_of(value)} where a number belongs", key)
    try:
        found = float(value)
    except OverflowError:
        raise Refused("is a number too large to be kept exactly", key) from None
    if not math.isfinite(found):
        raise Refused("is no finite number", key)
    return found


def yes_or_no(record: Mapping[str, Any], key: str) -> bool | None:
    """True or false, also as 0, 1, "true" or "false"; None when missing or null."""
    value = record.get(key)
    if value is None or type(value) is bool:
        return value
    known = {"true": True, "false": False, "1": True, "0": False, "1.0": True, "0.0": False}
    found = known.get(str(value).strip().lower())
    if found is None:
        raise Refused(f"is {str(value)[:40]!r}; true or false belongs here", key)
    return found


def keep(record: Mapping[str, Any], keys: Sequence[str]) -> dict[str, Any]:
    """The named fields that the record really has: what is kept beside the typed columns."""
    return {key: record[key] for key in keys if record.get(key) not in (None, "", [], {})}


def _some_keys(record: Mapping[str, Any]) -> str:
    keys = [repr(str(key)[:40]) for key in list(record)[:8]]
    more = ", ..." if len(record) > 8 else ""
    return f"{', '.join(keys)}{more}" if keys else "no fields"
