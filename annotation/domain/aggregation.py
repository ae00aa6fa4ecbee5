"""One order from several people's rankings of the same answers, and one label from several votes.

Nothing is decided by who stands first in a list: a tie stays a tie and goes to adjudication.
"""

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations

from annotation.domain.preferences import Ranking

# Kemeny's order is found by dynamic programming over subsets of the answers.
MOST_KEMENY = 14
# All answers tied have K! best orders; no page needs more than this.
MOST_ORDERS = 1000


@dataclass(frozen=True)
class Aggregate:
    """What a set of rankings says together.

    borda: points K - 1 - position summed over ballots, ties share the mean. copeland: pairwise
    majorities won, a tied pair gives a half. majority: sign of (#i over j - #j over i) for i < j.
    kemeny: every order with the least total Kendall distance, sorted; a tie in a ballot costs a
    half per pair. kemeny_is_complete: whether all of them are listed. condorcet: the answer that
    beats every other one, if there is one.
    """

    borda: dict[str, float]
    copeland: dict[str, float]
    majority: dict[tuple[str, str], int]
    kemeny: tuple[tuple[str, ...], ...]
    kemeny_cost: float
    kemeny_is_complete: bool
    condorcet: str | None

    @property
    def needs_adjudication(self) -> bool:
        """Whether people have to look again: more than one order explains the ballots best."""
        return len(self.kemeny) != 1


def aggregate_rankings(ballots: Sequence[Ranking]) -> Aggregate:
    """Combine ballots over the same answers; one that marks an answer not rankable leaves it out.

    Raises ValueError without ballots and for more than MOST_KEMENY answers.
    """
    names = sorted({item for ballot in ballots for item in ballot.items})
    if not names:
        raise ValueError("There is no ranking to combine. Collect at least one ballot.")
    if len(names) > MOST_KEMENY:
        raise ValueError(
            f"{len(names)} answers are too many for one ranking; the most is {MOST_KEMENY}."
        )
    better: Counter[tuple[str, str]] = Counter()
    tied: Counter[tuple[str, str]] = Counter()
    borda = dict.fromkeys(names, 0.0)
    for ballot in ballots:
        better.update(ballot.strict_pairs())
        tied.update((min(pair), max(pair)) for pair in ballot.ties())
        for item, place in ballot.positions().items():
            borda[item] += len(ballot.items) - place
    majority = {(a, b): _sign(better[a, b] - better[b, a]) for a, b in combinations(names, 2)}
    copeland = dict.fromkeys(names, 0.0)
    for (a, b), sign in majority.items():
        copeland[a] += (1 + sign) / 2
        copeland[b] += (1 - sign) / 2
    winners = [name for name in names if _beats_all(name, majority)]
    orders, cost, complete = _kemeny(names, better, tied)
    return Aggregate(
        borda, copeland, majority, orders, cost, complete, winners[0] if winners else None
    )


def plurality(votes: Iterable[Hashable]) -> Hashable | None:
    """The label with the most votes; None for no vote and for a tie, which people then settle."""
    ranked = Counter(votes).most_common(2)
    if not ranked or (len(ranked) == 2 and ranked[0][1] == ranked[1][1]):
        return None
    return ranked[0][0]


def _sign(difference: int) -> int:
    return (difference > 0) - (difference < 0)


def _beats_all(name: str, majority: dict[tuple[str, str], int]) -> bool:
    return all(
        sign == (1 if pair[0] == name else -1) for pair, sign in majority.items() if name in pair
    )


def _kemeny(
    names: list[str], better: Counter[tuple[str, str]], tied: Counter[tuple[str, str]]
) -> tuple[tuple[tuple[str, ...], ...], float, bool]:
    """(all best orders, their cost, whether all are listed), by the best order of each subset.

    Costs are counted in half steps, so that equal costs are equal integers.
    """
    size = len(names)
    cost = [
        [0 if a == b else 2 * better[b, a] + tied[min(a, b), max(a, b)] for b in names]
        for a in names
    ]
    best = [0] * (1 << size)
    for left_over in range(1, 1 << size):
        members = [i for i in range(size) if left_over >> i & 1]
        best[left_over] = min(
            sum(cost[i][j] for j in members) + best[left_over ^ 1 << i] for i in members
        )
    orders: list[tuple[str, ...]] = []

    def follow(left_over: int, order: tuple[str, ...]) -> None:
        if len(orders) > MOST_ORDERS:
            return
        if not left_over:
            orders.append(order)
            return
        members = [i for i in range(size) if left_over >> i & 1]
        for i in members:
            here = sum(cost[i][j] for j in members)
            if here + best[left_over ^ 1 << i] == best[left_over]:
                follow(left_over ^ 1 << i, (*order, names[i]))

    full = (1 << size) - 1
    follow(full, ())
    return tuple(orders[:MOST_ORDERS]), best[full] / 2, len(orders) <= MOST_ORDERS
