"""Which format a file has, told by its first records."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from annotation.imports.formats.format import Format
from annotation.imports.formats.registry import FORMATS

SAMPLE = 50


@dataclass(frozen=True, slots=True)
class Detection:
    """The format and variant that most records of the sample have, and how many agree."""

    format: Format
    variant: str
    agreeing: int
    looked_at: int


def detect(values: Sequence[Any]) -> Detection | None:
    """The best guess over decoded records, or None when no record is recognised.

    Each record goes to the first format in the registry's order that recognises it.
    """
    votes: Counter[tuple[str, str]] = Counter()
    formats: dict[str, Format] = {}
    for value in values:
        for candidate in FORMATS:
            variant = candidate.recognise(value)
            if variant:
                votes[candidate.name, variant] += 1
                formats[candidate.name] = candidate
                break
    if not votes:
        return None
    by_format: Counter[str] = Counter()
    for (name, _), count in votes.items():
        by_format[name] += count
    name, agreeing = max(by_format.items(), key=lambda pair: pair[1])
    variant = max((pair for pair in votes if pair[0] == name), key=lambda pair: votes[pair])[1]
    return Detection(formats[name], variant, agreeing, len(values))
