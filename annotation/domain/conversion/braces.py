"""FLAN's notation: {field} in a text, and its list of options.

Source: google-research/FLAN, templates.py and its preprocessors.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

_FIELD = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")
ANSWER, OPTIONS = "answer", "options_"


@dataclass(frozen=True)
class Converted:
    """One instruction and what it should be answered with."""

    input: str
    target: str


def fields_of(template: str) -> set[str]:
    """The names in braces."""
    return set(_FIELD.findall(template))


def options_suffix(words: Sequence[str]) -> str:
    """FLAN's list of options, below a blank line; "" without words."""
    return "\n\nOPTIONS:\n" + "\n".join(f"- {word}" for word in words) if words else ""


def fill(template: str, values: Mapping[str, str]) -> str:
    """The template with each {field} replaced once: braces inside the data are only text.

    Raises ValueError for a field without a value.
    """

    def value_of(match: re.Match[str]) -> str:
        name = match.group(1)
        if name not in values:
            there = ", ".join(sorted(values))
            raise ValueError(f"The template needs {{{name}}}; the record has {there}.")
        return values[name]

    return _FIELD.sub(value_of, template)
