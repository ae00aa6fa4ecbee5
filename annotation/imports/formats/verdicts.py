"""A source's word for the winner as one of our choices; an unknown word is never guessed."""

from typing import Any

from annotation.imports.formats.reading_options import Reading
from annotation.imports.formats.refusals import Refused
from annotation.imports.formats.rows import (
    BOTH_BAD,
    CHOICES,
    LEFT,
    RIGHT,
    TIE,
    Answer,
)

WINNERS = {
    "model_a": LEFT,
    "model_b": RIGHT,
    "model_1": LEFT,
    "model_2": RIGHT,
    "left": LEFT,
    "right": RIGHT,
    "a": LEFT,
    "b": RIGHT,
    "tie": TIE,
    "tie (bothbad)": BOTH_BAD,
    "tie(bothbad)": BOTH_BAD,
    "both_bad": BOTH_BAD,
    "bothbad": BOTH_BAD,
}


def choice_of(word: Any, reading: Reading, path: str, known: dict[str, str] | None = None) -> str:
    """One of CHOICES for the file's word; the importing person's labels go first.

    Raises Refused for null and blank (no verdict is not a tie) and for a word that is not known.
    """
    if word is None or word == "":
        raise Refused("holds no verdict; a missing verdict is not a tie", path)
    text = str(int(word)) if type(word) is float and word.is_integer() else str(word)
    text = text.strip()
    words = WINNERS if known is None else known
    choice = reading.options.labels.get(text) or words.get(text) or words.get(text.lower())
    if choice not in CHOICES:
        allowed = ", ".join(repr(name) for name in words)
        raise Refused(f"{text[:40]!r} is no known verdict ({allowed}); map it", path)
    return choice


def refuse_same_answers(left: Answer, right: Answer, choice: str, path: str) -> None:
    """A preference between equal texts teaches nothing and is mostly an accident of the source."""
    if choice in (LEFT, RIGHT) and left.text is not None and left.text == right.text:
        raise Refused("prefers one of two answers that are the same text", path)
