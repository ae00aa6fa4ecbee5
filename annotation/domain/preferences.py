"""From rankings and comparisons to preference pairs (arXiv:2203.02155 section 3.5).

A ranking of K answers into tiers holds C(K, 2) statements: every answer of a better tier beats
every answer of a worse one, and answers within a tier are tied. Each pair carries the weight
1 / C(K, 2), so that a prompt with nine answers does not outweigh one with four.

Of best-worst scaling (Louviere's maximum difference scaling) only the best and the worst are known:
the best beats every other answer and every other answer beats the worst, 2K - 3 strict pairs of the
weight 1 / (2K - 3). Nothing is said between the others, which is not a tie.
"""

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import combinations

from annotation.domain.outcomes import Outcome

# Arrows as people type and paste them; the last three stand in lecture slides.
BETTER_THAN = re.compile(r"\s*(?:->|=>|[>≻≫→⇒➔➙➜➝➞➡⟶⮕]\uFE0F?)\s*")
HALF_STATEMENTS = ("≥", "≤", ">=", "<=", "⪰", "≽", "≿", "⩾", "⩽")
WORSE_FIRST = re.compile(r"<-?|[←≺⇐]")


class Strength(StrEnum):
    """How much better the chosen answer is: the four steps of Llama-2 (arXiv:2307.09288)."""

    SIGNIFICANTLY = "significantly_better"
    BETTER = "better"
    SLIGHTLY = "slightly_better"
    NEGLIGIBLY = "negligibly_better"


class MarginTable(StrEnum):
    """Which margins a reward model is trained with: by strength as in Llama-2's Table 27, or the
    difference of the scores that an import gave (UltraFeedback)."""

    NONE = "none"
    SMALL = "small"
    LARGE = "large"
    SCORES = "scores"


MARGINS: dict[MarginTable, dict[Strength, float]] = {
    MarginTable.NONE: dict.fromkeys(Strength, 0.0),
    MarginTable.SMALL: dict(zip(Strength, (1.0, 2.0 / 3.0, 1.0 / 3.0, 0.0), strict=True)),
    MarginTable.LARGE: dict(zip(Strength, (3.0, 2.0, 1.0, 0.0), strict=True)),
    MarginTable.SCORES: dict.fromkeys(Strength, 0.0),  # a strength is no score
}


def margin(strength: Strength | None, table: MarginTable) -> float:
    """The margin in reward units for a strength; 0 where nobody said how strong it was."""
    return 0.0 if strength is None else MARGINS[table][strength]


class MalformedRanking(ValueError):
    """A ranking that cannot be read without guessing."""


@dataclass(frozen=True)
class Ranking:
    """Answers in tiers, best first; a shared tier is a tie. `unrankable` answers stand apart.

    partial: answers of one tier were not compared; they are no tie.

    Raises MalformedRanking for an answer that is named twice, an empty tier, or nothing to rank.
    """

    tiers: tuple[tuple[str, ...], ...]
    unrankable: tuple[str, ...] = ()
    partial: bool = False

    def __post_init__(self) -> None:
        if any(not tier for tier in self.tiers):
            raise MalformedRanking("A tier is empty. Put an answer into it or remove the tier.")
        named = Counter([*self.items, *self.unrankable])
        twice = sorted(name for name, times in named.items() if times > 1)
        if twice:
            raise MalformedRanking(
                f"{', '.join(twice)} is named more than once. Name every answer exactly once."
            )
        if not named:
            raise MalformedRanking("The ranking is empty. Write one like 'D > C > A = B'.")

    @property
    def items(self) -> tuple[str, ...]:
        """The ranked answers, best tier first."""
        return tuple(item for tier in self.tiers for item in tier)

    def require(self, shown: Iterable[str]) -> None:
        """Raise MalformedRanking unless exactly the answers that were shown are placed."""
        expected, placed = set(shown), {*self.items, *self.unrankable}
        missing, foreign = sorted(expected - placed), sorted(placed - expected)
        if missing:
            raise MalformedRanking(
                f"{', '.join(missing)} is not placed. Rank every answer, or mark it not rankable."
            )
        if foreign:
            raise MalformedRanking(
                f"{', '.join(foreign)} was not shown. "
                f"The answers are {', '.join(sorted(expected))}."
            )

    def strict_pairs(self) -> Iterator[tuple[str, str]]:
        """(better, worse) for every two answers in different tiers, best first."""
        for better, worse in combinations(self.tiers, 2):
            yield from ((chosen, rejected) for chosen in better for rejected in worse)

    def ties(self) -> Iterator[tuple[str, str]]:
        """Every two answers that share a tier and were compared."""
        for tier in () if self.partial else self.tiers:
            yield from combinations(tier, 2)

    @property
    def statements(self) -> int:
        """Strict pairs and ties together: C(K, 2), or 2K - 3 of a best and a worst."""
        if self.partial:
            return sum(1 for _pair in self.strict_pairs())
        return math.comb(len(self.items), 2)

    def positions(self) -> dict[str, float]:
        """Mean place of each answer, 1 for the best; a tie shares the mean of its places."""
        place, found = 0, {}
        for tier in self.tiers:
            found.update(dict.fromkeys(tier, place + (len(tier) + 1) / 2))
            place += len(tier)
        return found

    def __str__(self) -> str:
        return " > ".join((", " if self.partial else " = ").join(tier) for tier in self.tiers)


def parse_ranking(text: str) -> Ranking:
    """Read 'D > C > A = B'; arrows may stand for '>', and names may hold spaces.

    Raises MalformedRanking with a hint for '≥' (say whether it is better or tied), for '<', for a
    name given twice and for a gap.
    """
    for sign in HALF_STATEMENTS:
        if sign in text:
            raise MalformedRanking(
                f"'{sign}' does not say whether the two answers differ. "
                "Write '>' if the left one is better, or '=' if they are equally good."
            )
    ahead = BETTER_THAN.sub(">", text)
    backwards = WORSE_FIRST.search(ahead)
    if backwards:
        raise MalformedRanking(
            f"'{backwards.group()}' puts the worse answer first. "
            "Name the best answer first: 'D > C > A = B'."
        )
    if not text.strip():
        raise MalformedRanking("The ranking is empty. Write one like 'D > C > A = B'.")
    tiers = tuple(tuple(name.strip() for name in tier.split("=")) for tier in ahead.split(">"))
    if any(not name for tier in tiers for name in tier):
        raise MalformedRanking(
            f"A name is missing beside '>' or '=' in {text.strip()!r}. "
            "Write one like 'D > C > A = B'."
        )
    ranking = Ranking(tiers)
    if not ranking.statements:
        raise MalformedRanking(
            f"{text.strip()!r} ranks a single answer. Name at least two: 'A > B' or 'A = B'."
        )
    return ranking


@dataclass(frozen=True)
class PreferencePair:
    """The triple (prompt, chosen, rejected) with all that a loss or a board needs to know of it.

    tied: the two answers are equally good, and `chosen` is merely the one named first. group: the
    ballot that all pairs of one ranking share. weight: 1 / the number of that ballot's pairs.
    margin: reward units. chosen_position, rejected_position: places on the screen, 0 first, None
    where not stored.
    """

    prompt: str
    chosen: str
    rejected: str
    group: str
    weight: float = 1.0
    tied: bool = False
    both_bad: bool = False
    strength: Strength | None = None
    margin: float = 0.0
    annotator: str | None = None
    chosen_position: int | None = None
    rejected_position: int | None = None

    def __post_init__(self) -> None:
        if self.chosen == self.rejected:
            raise ValueError(f"{self.chosen!r} is compared with itself; a pair needs two answers.")


@dataclass(frozen=True)
class Ballot:
    """Where a judgement comes from: the prompt, a name for the ballot, who made it, what was shown.

    shown: the answers in the order of the screen, first to last; empty where it was not stored.
    """

    prompt: str
    group: str
    annotator: str | None = None
    shown: Sequence[str] = ()
    table: MarginTable = MarginTable.NONE

    def pair(
        self,
        chosen: str,
        rejected: str,
        weight: float,
        *,
        tied: bool,
        both_bad: bool = False,
        strength: Strength | None = None,
    ) -> PreferencePair:
        """One pair of this ballot."""
        return PreferencePair(
            prompt=self.prompt,
            chosen=chosen,
            rejected=rejected,
            group=self.group,
            weight=weight,
            tied=tied,
            both_bad=both_bad,
            strength=strength,
            margin=margin(strength, self.table),
            annotator=self.annotator,
            chosen_position=self._place(chosen),
            rejected_position=self._place(rejected),
        )

    def _place(self, answer: str) -> int | None:
        return self.shown.index(answer) if answer in self.shown else None


def pairs_of_ranking(ranking: Ranking, ballot: Ballot) -> list[PreferencePair]:
    """All pairs, strict ones first, each with the weight 1 / ranking.statements.

    Answers marked not rankable say nothing. A ranking of one answer gives no pair.
    """
    if not ranking.statements:
        return []
    weight = 1.0 / ranking.statements
    strict = [ballot.pair(*pair, weight, tied=False) for pair in ranking.strict_pairs()]
    return strict + [ballot.pair(*pair, weight, tied=True) for pair in ranking.ties()]


def pair_of_comparison(
    left: str, right: str, outcome: Outcome, strength: Strength | None, ballot: Ballot
) -> PreferencePair:
    """The one pair of an A/B vote; a tie and "both bad" keep their places and no strength."""
    if outcome in (Outcome.TIE, Outcome.BOTH_BAD):
        return ballot.pair(left, right, 1.0, tied=True, both_bad=outcome is Outcome.BOTH_BAD)
    chosen, rejected = (left, right) if outcome is Outcome.LEFT else (right, left)
    return ballot.pair(chosen, rejected, 1.0, tied=False, strength=strength)
