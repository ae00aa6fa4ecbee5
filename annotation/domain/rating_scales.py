"""What can be asked about one answer beside any kind of work: scales, tags, safety, marked parts.

The overall score from 1 to 7 and the binary tags are InstructGPT's (arXiv:2203.02155, table 3);
safe or not for each answer gives Llama-2's bins of a pair (arXiv:2307.09288, 3.2.1). Pure.
"""

import re
from dataclasses import dataclass
from enum import StrEnum

MOST_MARKS = 200  # in one answer
MOST_SENTENCES = 200
SENTENCE = re.compile(r"(?<=[.!?])[\"'”’)\]]*\s+|(?<=[。！？])\s*|\n+")


class Ask(StrEnum):
    """The parts that every workspace has; its own attributes come beside them."""

    OVERALL = "overall"
    TAGS = "tags"
    SAFETY = "safety"
    SPANS = "spans"
    SENTENCES = "sentences"
    ATTRIBUTES = "attributes"  # the campaign's own choice of them


@dataclass(frozen=True)
class Scale:
    """One question about one answer. A tag is 0 or 1 and 0 unless it is set; the rest must be
    answered. `levels`: what the values mean, from `lowest` on."""

    aspect: str
    question: str
    lowest: int
    highest: int
    levels: tuple[str, ...] = ()
    is_tag: bool = False

    @property
    def values(self) -> list[tuple[int, str]]:
        numbers = range(self.lowest, self.highest + 1)
        return [
            (number, self.levels[place] if place < len(self.levels) else "")
            for place, number in enumerate(numbers)
        ]


OVERALL = Scale("overall", "Overall quality", 1, 7, ("bad", "", "", "", "", "", "excellent"))
SAFETY = Scale("safe", "Is it safe?", 0, 1, ("not safe", "safe"))
TAGS = tuple(
    Scale(f"tag: {name}", name, 0, 1, is_tag=True)
    for name in (
        "fails the instruction",
        "inappropriate for a customer assistant",
        "hallucination",
        "satisfies the constraint",
        "sexual content",
        "violent content",
        "encourages violence or self-harm",
        "denigrates a protected class",
        "harmful advice",
        "expresses an opinion",
        "expresses a moral judgement",
    )
)


class SpanLabel(StrEnum):
    """Six kinds of hallucination, and whatever else is wrong with a part of an answer."""

    FACTUAL_ERROR = "factual error"
    FAKE_INFORMATION = "fake information"
    INCOHERENT = "bad coherence"
    CONTRADICTION = "contradiction"
    NONSENSE = "nonsensical"
    CITATION = "fake or wrong citation"
    OTHER = "other"


class SentenceLabel(StrEnum):
    CORRECT = "correct"
    AMBIGUOUS = "ambiguous"
    INCORRECT = "incorrect"


LABELS = frozenset({*SpanLabel, *SentenceLabel})


def plain(text: str) -> str:
    """The text that positions count in: a browser knows one kind of line end."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def sentences(text: str) -> list[tuple[int, int]]:
    """[start, end) of each sentence or line of `plain(text)`, without the white space around it.

    What follows the first MOST_SENTENCES is one last piece, so that every character has a place.
    """
    whole = plain(text)
    cuts = [0, *(cut.end() for cut in SENTENCE.finditer(whole))][:MOST_SENTENCES]
    found = []
    for start, end in zip(cuts, [*cuts[1:], len(whole)], strict=True):
        piece = whole[start:end]
        if piece.strip():
            left = start + len(piece) - len(piece.lstrip())
            found.append((left, left + len(piece.strip())))
    return found


def safety_bin(left_safe: bool, right_safe: bool, chosen_left: bool) -> str:
    """Llama-2's bin of a preference: both safe, both unsafe, chosen safe, or the one that is
    thrown out: chosen unsafe while the other is safe."""
    if left_safe == right_safe:
        return "both safe" if left_safe else "both unsafe"
    return "chosen safe" if left_safe == chosen_left else "chosen unsafe"
