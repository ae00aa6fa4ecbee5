"""Votes as columns."""

import numpy as np
import pytest

from annotation.domain.battles import Battles, Cells, encode
from annotation.domain.outcomes import Outcome, UnknownOutcome, parse_outcome
from tests.annotation.domain.votes import battles_of


@pytest.mark.parametrize("word", ["model_c", "", "LEFT", "0", None, 0, 1.0])
def test_it_refuses_an_outcome_without_a_meaning_and_never_calls_it_a_tie(word: object) -> None:
    with pytest.raises(UnknownOutcome, match="Use one of"):
        Battles.from_columns(["A"], ["B"], [word])  # type: ignore[list-item]


def test_the_words_of_other_arenas_mean_the_same() -> None:
    assert parse_outcome("model_a") is parse_outcome("a") is Outcome.LEFT
    assert parse_outcome("tie (bothbad)") is Outcome.BOTH_BAD
    with pytest.raises(UnknownOutcome, match="'draw' is unknown"):
        parse_outcome("draw")


def test_it_refuses_a_model_against_itself() -> None:
    with pytest.raises(ValueError, match="sets 'A' against itself"):
        battles_of(("A", "B", "left"), ("A", "A", "tie"))


def test_it_refuses_columns_of_different_length() -> None:
    with pytest.raises(ValueError, match="'outcome' has 1 rows but 'left' has 2"):
        Battles.from_columns(["A", "B"], ["B", "A"], ["tie"])


@pytest.mark.parametrize("weight", [[-1.0], [float("nan")], [1.0, 1.0]])
def test_it_refuses_a_weight_that_cannot_be_one(weight: list[float]) -> None:
    with pytest.raises(ValueError, match="weight"):
        Battles.from_columns(["A"], ["B"], ["tie"], weight=weight)


def test_equal_statements_are_counted_together() -> None:
    cells = battles_of(
        ("A", "B", "left"), ("A", "B", "left"), ("B", "A", "left"), ("A", "B", "both_bad")
    ).cells()
    rows = sorted(zip(cells.left, cells.right, cells.score, cells.count, strict=True))
    assert rows == [(0, 1, 0.5, 1.0), (0, 1, 1.0, 2.0), (1, 0, 1.0, 1.0)]


def test_unknown_voters_are_strangers_to_one_another() -> None:
    names, codes = encode(["ann", None, "ann", None])
    assert codes.tolist() == [0, 1, 0, 2]
    assert len(names) == 3


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        (("A", "A", 1.0, 1), "against itself"),
        (("A", "B", 1.5, 1), "Give 1 for a win"),
        (("A", "B", 1.0, -1), "cannot be counted"),
        (("A", "B", float("nan"), 1), "Give 1 for a win"),
    ],
)
def test_it_refuses_a_cell_that_says_nothing(
    row: tuple[str, str, float, float], sentence: str
) -> None:
    with pytest.raises(ValueError, match=sentence):
        Cells.from_rows([row])


def test_votes_can_be_picked_with_all_they_know() -> None:
    battles = Battles.from_columns(
        ["A", "B"], ["B", "A"], ["left", "tie"], annotator=["ann", "mia"], prompt=["p", "q"]
    )
    kept = battles.keep(np.array([False, True]))
    assert (len(kept), kept.models, kept.prompt is not None) == (1, ("A", "B"), True)
    assert kept.annotator is not None
    assert kept.annotator.tolist() == [1]
