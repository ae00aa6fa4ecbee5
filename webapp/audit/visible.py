"""Characters that a log or a page would obey instead of showing, made visible."""

import unicodedata
from typing import Any


def visible(text: str) -> str:
    r"""Controls, bidirectional overrides and lone surrogates as \x.. or \u....; the rest untouched.

    A carriage return would begin a forged line, an escape would colour a terminal, an override
    would show a name backwards. NUL and lone surrogates PostgreSQL would not store at all.
    """
    return "".join(
        each.encode("unicode_escape").decode() if _obeyed(each) else each for each in text
    )


def visible_values(value: Any) -> Any:
    """The same for every text in a JSON value."""
    if isinstance(value, str):
        return visible(value)
    if isinstance(value, dict):
        return {visible(str(key)): visible_values(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [visible_values(each) for each in value]
    return value


def _obeyed(character: str) -> bool:
    return unicodedata.category(character) in {"Cc", "Cf", "Cs", "Zl", "Zp"}
