"""Labelled data sets as instructions: a template, a label map of its own, options.

Source: google-research/FLAN templates. A label map belongs to one data set: two NLI sets number
the same three answers differently, and a shared map would swap them in silence.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

_FIELD = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")
ANSWER, OPTIONS = "answer", "options_"


@dataclass(frozen=True)
class Converted:
    """One instruction and what it should be answered with."""

    input: str
    target: str


@dataclass(frozen=True)
class Conversion:
    """How the records of one data set become instructions.

    template, target: patterns with {field} of the record, {answer} for the label's word and
    {options_} for the list of words. label_map: the record's label, as text, to its word; empty
    when the label is the answer itself. with_options: a list of all words ends the input.
    An inverse template asks for the record: target "{premise}", template with "{answer}".
    """

    template: str
    label_map: Mapping[str, str] = field(default_factory=dict)
    target: str = "{answer}"
    label_field: str = "label"
    with_options: bool = False

    def convert(self, record: Mapping[str, Any]) -> Converted:
        """Raises ValueError for an unknown label and for a field that the record does not have."""
        values = {name: _text(value) for name, value in record.items()}
        if self.label_field in record or "{answer}" in self.template + self.target:
            values[ANSWER] = self.answer(record)
        words = list(dict.fromkeys(self.label_map.values()))
        values[OPTIONS] = options_suffix(words).lstrip("\n")
        filled = fill(self.template, values)
        if self.with_options:
            filled += options_suffix(words)
        return Converted(filled, fill(self.target, values))

    def answer(self, record: Mapping[str, Any]) -> str:
        """The word for the record's label."""
        if self.label_field not in record:
            there = ", ".join(map(repr, record)) or "none"
            raise ValueError(f"The record has no field {self.label_field!r}; it has {there}.")
        label = _text(record[self.label_field])
        if not self.label_map:
            return label
        if label not in self.label_map:
            known = ", ".join(map(repr, self.label_map))
            raise ValueError(f"The label {label!r} is not in the label map ({known}).")
        return self.label_map[label]


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


def _text(value: Any) -> str:
    """A label 1, 1.0 and "1" is the same key; a list is its items, one a line."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, (list, tuple)):
        return "\n".join(map(_text, value))
    return "" if value is None else str(value)
