"""What an annotator submits for an item, checked against what was shown. Pure: no database."""

from collections.abc import Sequence
from dataclasses import dataclass

from annotation.domain.battles import Outcome, parse_outcome
from annotation.domain.preferences import Ranking, Strength

LETTERS = "ABCDEFGHI"  # the names of answers on the screen, in the order shown
LONGEST_TEXT = 100_000


class Unanswered(ValueError):
    """The answer cannot be taken as it is; the message says what is missing."""


@dataclass(frozen=True)
class Demonstration:
    text: str

    def __post_init__(self) -> None:
        if not self.text.strip():
            raise Unanswered("The answer is empty. Write what the assistant should have said.")
        if len(self.text) > LONGEST_TEXT:
            raise Unanswered(
                f"The answer has {len(self.text)} characters; at most {LONGEST_TEXT} are kept."
            )


@dataclass(frozen=True)
class Comparison:
    choice: Outcome
    strength: Strength | None = None

    def __post_init__(self) -> None:
        preference = self.choice in (Outcome.LEFT, Outcome.RIGHT)
        if self.strength is not None and not preference:
            raise Unanswered("A strength belongs to a preference: remove it, or choose a side.")


@dataclass(frozen=True)
class RankedAnswers:
    """Tiers of completion ids, best first, and the ids that could not be ranked."""

    tiers: tuple[tuple[int, ...], ...]
    unrankable: tuple[int, ...] = ()

    def check(self, shown: Sequence[int]) -> None:
        """Refuse unless exactly the answers that were shown are placed, each once.

        Raises:
            MalformedRanking: an answer is missing, foreign or named twice; letters as on screen.
        """
        Ranking(
            tuple(tuple(letter(one, shown) for one in tier) for tier in self.tiers),
            tuple(letter(one, shown) for one in self.unrankable),
        ).require(letter(one, shown) for one in shown)


Answer = Demonstration | Comparison | RankedAnswers


def letter(completion: int, shown: Sequence[int]) -> str:
    """The name that an answer has on the screen: A for the first shown, B for the second ..."""
    place = shown.index(completion) if completion in shown else None
    return f"answer {completion}" if place is None else chr(ord("A") + place)


def comparison(choice: str, strength: str = "") -> Comparison:
    """Read a form's two words.

    Raises:
        Unanswered: nothing was chosen, or a word is unknown.
    """
    if not choice:
        raise Unanswered("Nothing is chosen. Choose A, B, tie or both bad.")
    try:
        return Comparison(parse_outcome(choice), Strength(strength) if strength else None)
    except Unanswered:
        raise
    except ValueError as unknown:
        raise Unanswered(str(unknown)) from None
