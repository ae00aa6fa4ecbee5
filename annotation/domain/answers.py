"""What an annotator submits for an item, checked against what was shown. Pure: no database."""

from collections.abc import Sequence
from dataclasses import dataclass

from annotation.domain.few_shot import Pair
from annotation.domain.outcomes import Outcome, parse_outcome
from annotation.domain.preferences import Ranking, Strength

LETTERS = "ABCDEFGHI"  # the names of answers on the screen, in the order shown
LONGEST_TEXT = 100_000
LONGEST_PROMPT = 20_000  # of a text that becomes part of a prompt


class Unanswered(ValueError):
    """The answer cannot be taken as it is; the message says what is missing."""


@dataclass(frozen=True)
class Demonstration:
    """rationale: how the answer is come to, where the campaign asks for it; else empty."""

    text: str
    rationale: str = ""

    def __post_init__(self) -> None:
        if not self.text.strip():
            raise Unanswered("The answer is empty. Write what the assistant should have said.")
        if len(self.text) > LONGEST_TEXT:
            raise Unanswered(
                f"The answer has {len(self.text)} characters; at most {LONGEST_TEXT} are kept."
            )
        _fits("reasoning", self.rationale)

    def check(self, *, with_rationale: bool) -> None:
        """
        Raises:
            Unanswered: reasoning is missing, or given where nobody asks for it.
        """
        if with_rationale and not self.rationale.strip():
            raise Unanswered("The reasoning is empty. Write how you come to the answer.")
        if self.rationale and not with_rationale:
            raise Unanswered("This campaign asks for no reasoning. Send the answer alone.")


@dataclass(frozen=True)
class WrittenPrompt:
    """A prompt of the annotator's own, with the answer that is wanted and what it is for."""

    prompt: str
    text: str
    use_case: str = ""

    def __post_init__(self) -> None:
        if not self.prompt.strip():
            raise Unanswered("The prompt is empty. Write what somebody would ask.")
        _fits("prompt", self.prompt)
        Demonstration(self.text)

    def check(self, allowed: Sequence[str]) -> None:
        """Refuse a use case that the campaign does not ask for.

        Raises:
            Unanswered: none is chosen where there are some, or an unknown one.
        """
        if allowed and self.use_case not in allowed:
            given = f"{self.use_case!r} is not on the list" if self.use_case else "None is chosen"
            raise Unanswered(f"Choose the use case. {given}: {', '.join(allowed)}.")


@dataclass(frozen=True)
class FewShot:
    """One instruction and K query and response pairs for it."""

    instruction: str
    pairs: tuple[Pair, ...]

    def __post_init__(self) -> None:
        if not self.instruction.strip():
            raise Unanswered("The instruction is empty. Write what every pair is an example of.")
        _fits("instruction", self.instruction)
        for number, (query, response) in enumerate(self.pairs, start=1):
            for name, text in (("query", query), ("response", response)):
                if not text.strip():
                    raise Unanswered(f"The {name} of pair {number} is empty.")
                _fits(f"{name} of pair {number}", text)
        asked = [" ".join(query.split()).casefold() for query, _response in self.pairs]
        for number, query in enumerate(asked):
            if query in asked[:number]:
                raise Unanswered(
                    f"Pairs {asked.index(query) + 1} and {number + 1} have the same query. "
                    "Write another one: each pair teaches something."
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


@dataclass(frozen=True)
class BestWorst:
    """The best and the worst of the answers shown, by completion id; the others are not ordered."""

    best: int
    worst: int

    def __post_init__(self) -> None:
        if self.best == self.worst:
            raise Unanswered("The best answer cannot be the worst one too: name two answers.")

    def check(self, shown: Sequence[int]) -> None:
        """Refuse an answer that was not shown.

        Raises:
            Unanswered: see above.
        """
        if not {self.best, self.worst} <= set(shown):
            letters = ", ".join(letter(one, shown) for one in shown)
            raise Unanswered(f"Best and worst are two of the answers shown: {letters}.")

    def tiers(self, shown: Sequence[int]) -> dict[int, int]:
        """1 the best, 3 the worst, 2 what lies between and is not ordered."""
        return {one: 1 if one == self.best else 3 if one == self.worst else 2 for one in shown}


@dataclass(frozen=True)
class Review:
    """Whether a message of a conversation is accepted, and if not, why."""

    accepted: bool
    objections: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.accepted and self.objections:
            raise Unanswered("An objection belongs to a rejection: remove it, or reject.")
        if not self.accepted and not self.objections:
            raise Unanswered("Say why you reject the message: choose at least one reason.")


Answer = Review | Demonstration | WrittenPrompt | FewShot | Comparison | RankedAnswers | BestWorst


def _fits(what: str, text: str) -> None:
    if len(text) > LONGEST_PROMPT:
        raise Unanswered(
            f"The {what} has {len(text)} characters; at most {LONGEST_PROMPT} are kept."
        )


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
