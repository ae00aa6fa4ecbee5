"""Rankings and comparisons become preference pairs."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotation.domain.outcomes import Outcome
from annotation.domain.preferences import (
    Ballot,
    MalformedRanking,
    MarginTable,
    Ranking,
    Strength,
    margin,
    pair_of_comparison,
    pairs_of_ranking,
    parse_ranking,
)

BALLOT = Ballot(prompt="p1", group="b1", annotator="ann", shown=("A", "B", "C", "D"))

tiers = st.lists(st.sampled_from("ABCDEFGHI"), min_size=2, max_size=9, unique=True).flatmap(
    lambda names: st.lists(st.booleans(), min_size=len(names) - 1, max_size=len(names) - 1).map(
        lambda cuts: _split(names, cuts)
    )
)


def _split(names: list[str], cuts: list[bool]) -> Ranking:
    found = [[names[0]]]
    for name, cut in zip(names[1:], cuts, strict=True):
        if cut:
            found.append([name])
        else:
            found[-1].append(name)
    return Ranking(tuple(tuple(tier) for tier in found))


def test_the_lecture_example_gives_five_strict_pairs_and_one_tie() -> None:
    pairs = pairs_of_ranking(parse_ranking("D > C > A = B"), BALLOT)
    strict = [(pair.chosen, pair.rejected) for pair in pairs if not pair.tied]
    assert strict == [("D", "C"), ("D", "A"), ("D", "B"), ("C", "A"), ("C", "B")]
    assert [(pair.chosen, pair.rejected) for pair in pairs if pair.tied] == [("A", "B")]
    # C(4, 2) = 6 statements, each a sixth of the prompt's loss.
    assert {pair.weight for pair in pairs} == {1 / 6}


def test_every_pair_knows_where_it_comes_from() -> None:
    pair = pairs_of_ranking(parse_ranking("D > C"), BALLOT)[0]
    assert (pair.prompt, pair.group, pair.annotator) == ("p1", "b1", "ann")
    assert (pair.chosen_position, pair.rejected_position) == (3, 2)


@given(tiers)
def test_strict_pairs_and_ties_make_all_pairs_and_their_weights_make_one(ranking: Ranking) -> None:
    pairs = pairs_of_ranking(ranking, BALLOT)
    assert len(pairs) == math.comb(len(ranking.items), 2)
    assert math.isclose(sum(pair.weight for pair in pairs), 1.0)
    assert len({frozenset((pair.chosen, pair.rejected)) for pair in pairs}) == len(pairs)


@given(tiers)
def test_a_ranking_written_down_is_read_back_the_same(ranking: Ranking) -> None:
    assert parse_ranking(str(ranking)) == ranking


@given(tiers)
def test_mean_places_always_sum_to_the_same(ranking: Ranking) -> None:
    count = len(ranking.items)
    assert math.isclose(sum(ranking.positions().values()), count * (count + 1) / 2)


def test_an_unrankable_answer_says_nothing() -> None:
    ranking = Ranking((("A",), ("B",)), unrankable=("C",))
    assert [(pair.chosen, pair.rejected) for pair in pairs_of_ranking(ranking, BALLOT)] == [
        ("A", "B")
    ]
    ranking.require(("A", "B", "C"))


@pytest.mark.parametrize("arrow", ["->", "=>", "➡", "➡️", "→", "≻", ">"])
def test_it_reads_any_arrow(arrow: str) -> None:
    assert parse_ranking(f"C {arrow} A {arrow} B").tiers == (("C",), ("A",), ("B",))


@pytest.mark.parametrize("sign", ["≥", ">=", "⪰", "≤", "<="])
def test_it_refuses_a_half_statement_with_a_hint(sign: str) -> None:
    with pytest.raises(MalformedRanking, match="Write '>' if the left one is better, or '='"):
        parse_ranking(f"y1 > y3 {sign} y2")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("A > B > A", "A is named more than once"),
        ("", "The ranking is empty"),
        ("A > > B", "A name is missing"),
        ("A > B =", "A name is missing"),
        ("A < B", "Name the best answer first"),
        ("A", "Name at least two"),
    ],
)
def test_it_refuses_what_it_would_have_to_guess(text: str, sentence: str) -> None:
    with pytest.raises(MalformedRanking, match=sentence):
        parse_ranking(text)


def test_it_refuses_a_ranking_with_a_missing_completion() -> None:
    with pytest.raises(MalformedRanking, match="B is not placed"):
        parse_ranking("A > C").require(("A", "B", "C"))


def test_it_refuses_a_completion_that_was_not_shown() -> None:
    with pytest.raises(MalformedRanking, match="Z was not shown"):
        parse_ranking("A > Z").require(("A",))


def test_the_margins_are_llama_2s() -> None:
    small = [margin(step, MarginTable.SMALL) for step in Strength]
    large = [margin(step, MarginTable.LARGE) for step in Strength]
    assert small == [1.0, 2 / 3, 1 / 3, 0.0]
    assert large == [3.0, 2.0, 1.0, 0.0]
    assert margin(None, MarginTable.LARGE) == 0.0


def test_a_vote_for_the_right_answer_chooses_it_with_its_strength() -> None:
    ballot = Ballot(prompt="p", group="g", shown=("L", "R"), table=MarginTable.LARGE)
    pair = pair_of_comparison("L", "R", Outcome.RIGHT, Strength.BETTER, ballot)
    assert (pair.chosen, pair.rejected, pair.margin, pair.tied) == ("R", "L", 2.0, False)
    assert (pair.chosen_position, pair.rejected_position) == (1, 0)


@pytest.mark.parametrize("outcome", [Outcome.TIE, Outcome.BOTH_BAD])
def test_a_vote_without_a_winner_is_kept_as_a_tie(outcome: Outcome) -> None:
    ballot = Ballot(prompt="p", group="g", shown=("L", "R"))
    pair = pair_of_comparison("L", "R", outcome, None, ballot)
    assert pair.tied
    assert pair.both_bad is (outcome is Outcome.BOTH_BAD)
