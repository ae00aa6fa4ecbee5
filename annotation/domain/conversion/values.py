"""What a field of a record says, as a template needs it."""

import re
from typing import Any

_INTEGER = re.compile(r"-?(0|[1-9][0-9]{0,8})")


def as_text(value: Any) -> str:
    """A label 1, 1.0 and "1" is the same key; a list is its items, one a line."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, (list, tuple)):
        return "\n".join(map(as_text, value))
    return "" if value is None else str(value)


def as_label(value: Any) -> Any:
    """The label for a Jinja template: a table's "1" is the number that it takes a choice by."""
    if isinstance(value, str) and _INTEGER.fullmatch(value):
        return int(value)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value
