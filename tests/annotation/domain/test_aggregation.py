"""One order from several ballots, one label from several votes."""

from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annotation.domain.aggregation import aggregate_rankings, plurality
from annotation.domain.preferences import Ranking, parse_ranking

ballots = st.lists(
    st.permutations("ABCD").map(lambda names: Ranking(tuple((name,) for name in names))),
    min_size=1,
    max_size=7,
)


def kendall(order: tuple[str, ...], ballot: Ranking) -> float:
    """Pairs that a ballot orders the other way, and half of those it ties."""
    against = sum(order.index(a) > order.index(b) for a, b in ballot.strict_pairs())
    return against + 0.5 * len(list(ballot.ties()))


@settings(max_examples=80, deadline=None)
@given(ballots)
def test_kemeny_lists_all_orders_that_nothing_beats(votes: list[Ranking]) -> None:
    found = aggregate_rankings(votes)
    costs = {
        order: sum(kendall(order, ballot) for ballot in votes) for order in permutations("ABCD")
    }
    assert found.kemeny_cost == min(costs.values())
    assert list(found.kemeny) == sorted(o for o in costs if costs[o] == found.kemeny_cost)


@settings(max_examples=80, deadline=None)
@given(ballots)
def test_a_condorcet_winner_leads_every_kemeny_order(votes: list[Ranking]) -> None:
    found = aggregate_rankings(votes)
    if found.condorcet is not None:
        assert {order[0] for order in found.kemeny} == {found.condorcet}
        assert found.copeland[found.condorcet] == 3.0


@settings(max_examples=80, deadline=None)
@given(ballots, st.randoms(use_true_random=False))
def test_it_does_not_mind_the_order_of_the_ballots(votes: list[Ranking], random: object) -> None:
    shuffled = list(votes)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert aggregate_rankings(shuffled) == aggregate_rankings(votes)


def test_ties_share_bordas_points() -> None:
    found = aggregate_rankings([parse_ranking("D > C > A = B")])
    assert found.borda == {"D": 3.0, "C": 2.0, "A": 0.5, "B": 0.5}
    assert found.needs_adjudication


def test_a_cycle_has_no_winner_and_goes_to_people() -> None:
    found = aggregate_rankings([parse_ranking(text) for text in ("A>B>C", "B>C>A", "C>A>B")])
    assert found.condorcet is None
    assert found.copeland == {"A": 1.0, "B": 1.0, "C": 1.0}
    assert len(found.kemeny) == 3
    assert found.needs_adjudication


def test_a_long_list_of_equal_orders_is_cut_and_says_so() -> None:
    found = aggregate_rankings([parse_ranking("A=B=C=D=E=F=G=H=I")])
    assert (len(found.kemeny), found.kemeny_is_complete) == (1000, False)


def test_it_refuses_nothing_and_too_much() -> None:
    with pytest.raises(ValueError, match="no ranking to combine"):
        aggregate_rankings([])
    many = Ranking((tuple(f"a{at}" for at in range(15)),))
    with pytest.raises(ValueError, match="the most is 14"):
        aggregate_rankings([many])


def test_a_plurality_tie_is_nobodys() -> None:
    assert plurality(["a", "a", "b"]) == "a"
    assert plurality(["b", "a"]) is None
    assert plurality([]) is None
