"""Judges and people: how often they agree, and whether a judge minds the order of the answers."""

from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations, product
from typing import NamedTuple

from annotation.domain.outcomes import Outcome, parse_outcome
from annotation.domain.proportions import Share, share

# What two voters who guess would agree on: three outcomes with ties, two without.
CHANCE_WITH_TIES = 1.0 / 3.0
CHANCE_WITHOUT_TIES = 1.0 / 2.0
SWAPPED = {Outcome.LEFT: Outcome.RIGHT, Outcome.RIGHT: Outcome.LEFT}


class JudgedPair(NamedTuple):
    """One vote: which question and turn, which models were shown left and right, by whom."""

    question: Hashable
    turn: Hashable
    left: str
    right: str
    judge: str
    outcome: str


@dataclass(frozen=True)
class Agreement:
    """agree of total pairs of votes, beside what guessing would give."""

    agree: int
    total: int
    chance: float

    @property
    def rate(self) -> Share:
        """The share with Wilson's interval; votes on one question are not independent, so the
        truth is wider."""
        return share(self.agree, self.total)


def judge_agreement(
    votes: Iterable[JudgedPair], first: str, second: str, *, without_ties: bool
) -> Agreement:
    """How often two judges say the same of the same pair (arXiv:2306.05685, Tables 5 and 6).

    Votes are turned to one order of the models first; "both bad" is a tie. first == second compares
    all unordered pairs of that judge's votes, as for people among themselves. `without_ties` drops
    every pair of votes in which either is a tie.
    Raises UnknownOutcome for a winner word without a meaning.
    """
    said: dict[Hashable, dict[str, list[Outcome]]] = defaultdict(lambda: defaultdict(list))
    for vote in votes:
        outcome = parse_outcome(vote.outcome)
        if outcome is Outcome.BOTH_BAD:
            outcome = Outcome.TIE
        if vote.left > vote.right:
            outcome = SWAPPED.get(outcome, outcome)
        models = (min(vote.left, vote.right), max(vote.left, vote.right))
        said[vote.question, vote.turn, models][vote.judge].append(outcome)
    agree = total = 0
    for by_judge in said.values():
        if first == second:
            pairs = list(combinations(by_judge[first], 2))
        else:
            pairs = list(product(by_judge[first], by_judge[second]))
        kept = [pair for pair in pairs if not (without_ties and Outcome.TIE in pair)]
        total += len(kept)
        agree += sum(a is b for a, b in kept)
    return Agreement(agree, total, CHANCE_WITHOUT_TIES if without_ties else CHANCE_WITH_TIES)


class SwappedGame(NamedTuple):
    """One match judged twice: `first` shown as A in game 1, `second` shown as A in game 2.

    A verdict is "A", "B", "tie" or "error".
    """

    first: str
    second: str
    verdict_1: str
    verdict_2: str


@dataclass
class Tally:
    """Matches of one model; a match counts as won only if both orders say so."""

    win: int = 0
    loss: int = 0
    tie: int = 0

    @property
    def n(self) -> int:
        return self.win + self.loss + self.tie

    @property
    def win_rate(self) -> float | None:
        """Wins of all matches."""
        return self.win / self.n if self.n else None

    @property
    def win_rate_adjusted(self) -> float | None:
        """Wins and half of the ties, of all matches."""
        return (self.win + self.tie / 2) / self.n if self.n else None


@dataclass(frozen=True)
class SwapReport:
    """n_valid: matches without an error. consistency: share of them whose two verdicts agree.

    first_position_rate, second_position_rate: share in which both games chose the same place.
    n_errors: matches dropped. Shares are None without a valid match.
    """

    n_valid: int
    n_errors: int
    consistency: float | None
    first_position_rate: float | None
    second_position_rate: float | None
    models: dict[str, Tally]


def swap_report(games: Sequence[SwappedGame]) -> SwapReport:
    """Put both orders of each match together; a tie in one of them, or a contradiction, is a tie.

    Raises ValueError for a verdict other than A, B, tie and error.
    """
    models: dict[str, Tally] = {}
    valid = consistent = firsts = seconds = 0
    for game in games:
        for verdict in (game.verdict_1, game.verdict_2):
            if verdict not in ("A", "B", "tie", "error"):
                raise ValueError(
                    f"The verdict {verdict!r} is unknown. Use 'A', 'B', 'tie', 'error'."
                )
        one, two = (models.setdefault(name, Tally()) for name in (game.first, game.second))
        if "error" in (game.verdict_1, game.verdict_2):
            continue
        valid += 1
        firsts += game.verdict_1 == game.verdict_2 == "A"
        seconds += game.verdict_1 == game.verdict_2 == "B"
        winner_1 = {"A": game.first, "B": game.second}.get(game.verdict_1)
        winner_2 = {"A": game.second, "B": game.first}.get(game.verdict_2)
        consistent += winner_1 == winner_2
        if winner_1 is None or winner_1 != winner_2:
            one.tie += 1
            two.tie += 1
        else:
            winner, loser = (one, two) if winner_1 == game.first else (two, one)
            winner.win += 1
            loser.loss += 1

    def of_valid(hits: int) -> float | None:
        return hits / valid if valid else None

    return SwapReport(
        n_valid=valid,
        n_errors=len(games) - valid,
        consistency=of_valid(consistent),
        first_position_rate=of_valid(firsts),
        second_position_rate=of_valid(seconds),
        models=models,
    )
