"""Reading a judge's verdict out of its text: strictly, and as FastChat reads it, side by side.

FastChat looks for "[[A]]" before "[[B]]", so that a verdict which quotes its instructions is read
as A, takes a citation "[2]" for a score, and checks no range. A strict reading stores what was
meant or nothing; the other is kept to show how far published figures depend on it.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

NUMBER = r"(-?\d+(?:\.\d*)?)"
STRICT_RATING = re.compile(rf"\[\[\s*{NUMBER}\s*\]\]")
STRICT_PAIR = re.compile(r"\[\[\s*([ABC])\s*\]\]")
STRICT_RATINGS = re.compile(rf"\[\[\s*{NUMBER}\s*,\s*{NUMBER}\s*\]\]")
LOOSE_RATING = (re.compile(r"\[\[(\d+\.?\d*)\]\]"), re.compile(r"\[(\d+\.?\d*)\]"))
LOOSE_RATINGS = tuple(
    re.compile(opening + r"(\d+\.?\d*),\s?(\d+\.?\d*)" + closing)
    for opening, closing in ((r"\[\[", r"\]\]"), (r"\[", r"\]"))
)
LOWEST, HIGHEST = 1.0, 10.0
# Two scores this close are a tie in MT-Bench.
TIE_DELTA = 0.1
NO_RATING = -1.0


class VerdictFormat(StrEnum):
    """What a judge prompt asks for."""

    RATING = "[[rating]]"
    PAIR = "[[A]]"
    RATINGS = "[[rating_a,rating_b]]"


def strict_verdict(text: str, form: VerdictFormat) -> float | str | None:
    """The last verdict in double brackets: a rating, or "A", "B" or "tie"; None if there is none.

    Spaces inside the brackets are allowed, small letters are not, and ratings outside 1 to 10 are
    no ratings.
    """
    if form is VerdictFormat.PAIR:
        letters = STRICT_PAIR.findall(text)
        return {"A": "A", "B": "B", "C": "tie"}[letters[-1]] if letters else None
    pattern = STRICT_RATING if form is VerdictFormat.RATING else STRICT_RATINGS
    found = list(pattern.finditer(text))
    if not found:
        return None
    ratings = [float(number) for number in found[-1].groups()]
    if not all(LOWEST <= rating <= HIGHEST for rating in ratings):
        return None
    if form is VerdictFormat.RATING:
        return ratings[0]
    # 1.1 - 1.0 is a little above 0.1 in binary; the rule means tenths.
    return _better(round(ratings[0] - ratings[1], 9))


def fastchat_verdict(text: str, form: VerdictFormat) -> float | str:
    """What FastChat would read: -1 for no rating, "error" for no verdict."""
    if form is VerdictFormat.PAIR:
        for letter, verdict in (("[[A]]", "A"), ("[[B]]", "B"), ("[[C]]", "tie")):
            if letter in text:
                return verdict
        return "error"
    patterns = LOOSE_RATING if form is VerdictFormat.RATING else LOOSE_RATINGS
    for pattern in patterns:
        found = pattern.search(text)
        if found:
            ratings = [float(number) for number in found.groups()]
            return ratings[0] if form is VerdictFormat.RATING else _better(ratings[0] - ratings[1])
    return NO_RATING if form is VerdictFormat.RATING else "error"


def _better(gap: float) -> str:
    if abs(gap) <= TIE_DELTA:
        return "tie"
    return "A" if gap > 0 else "B"


PROMETHEUS_SCORE = re.compile(
    r"(?:\[(?:result|score)\]:?|score\s+of|score:?|result:?)"  # what announces the score
    r"[\s(\[]*(\d+)\s*"
    r"(?:[)\]]|/\s*5|out\s*of\s*5)?\s*$",  # and nothing may follow it
    re.IGNORECASE,
)
PROMETHEUS_CHOICE = re.compile(
    r"(?:\[result\](?:\s*response)?|\[result:|\[response\s|^result:?)\s*([AB])\]?\s*\Z",
    re.IGNORECASE | re.MULTILINE,
)


def prometheus_score(text: str) -> int | None:
    """The score of 1 to 5 that closes an absolute judgement; None if it is missing or outside.

    A text that goes on after its score is not readable: the score may have been taken back.
    """
    found = PROMETHEUS_SCORE.search(text)
    score = int(found.group(1)) if found else 0
    return score if 1 <= score <= 5 else None


def prometheus_choice(text: str) -> str | None:
    """The "A" or "B" that closes a relative judgement; None if there is none."""
    found = PROMETHEUS_CHOICE.search(text)
    return found.group(1).upper() if found else None


class TurnScore(NamedTuple):
    """A judge's score of one turn; None or -1 where it could not be read."""

    category: str
    turn: int
    score: float | None


@dataclass(frozen=True)
class SingleScores:
    """Means over readable scores; None where there is none. average pools the turns."""

    average: float | None
    by_turn: dict[int, float]
    by_category: dict[str, float]
    n_valid: int
    n_invalid: int


def single_scores(rows: Iterable[TurnScore]) -> SingleScores:
    """MT-Bench's single-answer score: the mean over all readable turn scores, not of turn means."""
    kept = list(rows)
    valid = [row for row in kept if row.score is not None and row.score != NO_RATING]

    def mean(chosen: list[TurnScore]) -> float:
        return sum(row.score or 0.0 for row in chosen) / len(chosen)

    return SingleScores(
        average=mean(valid) if valid else None,
        by_turn={
            turn: mean([row for row in valid if row.turn == turn])
            for turn in sorted({row.turn for row in valid})
        },
        by_category={
            category: mean([row for row in valid if row.category == category])
            for category in dict.fromkeys(row.category for row in valid)
        },
        n_valid=len(valid),
        n_invalid=len(kept) - len(valid),
    )
