"""The stated rule, term by term, and that it errs as often as it says."""

import math

import pytest

from annotation.domain.outcomes import Outcome
from annotation.domain.simulated_annotator import ALIKE, EMPTY, NOISE, compare, rank, score

ASKED = "Name two planets of the solar system."


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("", EMPTY),
        ("...", EMPTY),
        ("Mars.", 2 + 1 / 20 + 1),  # nothing taken up, nothing said twice, ended
        ("Mars", 2 + 1 / 20),
        ("Two planets of the solar system: Mars.", 2 * 3 / 4 + 2 + 7 / 20 + 1),
        ("mars mars mars mars mars", 2 / 3 + 5 / 20),  # three trigrams, one of them
        (" ".join(f"w{n}" for n in range(90)) + ".", 2 + 1 + 1 - 0.5),
    ],
)
def test_each_term_of_the_rule(answer: str, expected: float) -> None:
    assert score(ASKED, answer) == pytest.approx(expected)


def test_the_same_pair_gets_the_same_vote_in_either_order() -> None:
    other = {Outcome.LEFT: Outcome.RIGHT, Outcome.RIGHT: Outcome.LEFT, Outcome.TIE: Outcome.TIE}
    for number in range(200):
        left, right = f"Planets {number}.", f"The solar {number} {number} {number}"
        said = compare(ASKED, left, right, seed=3)
        assert compare(ASKED, right, left, seed=3) == other[said]


def test_it_prefers_the_better_as_often_as_its_formula_says() -> None:
    votes = [compare(ASKED, f"Mars {n} x", f"Mars {n} planets x") for n in range(2000)]
    difference = score(ASKED, "Mars 1 planets x") - score(ASKED, "Mars 1 x")
    assert difference == pytest.approx(2 / 4 + 1 / 20)
    expected = 1 / (1 + math.exp(-difference / NOISE))
    share = votes.count(Outcome.RIGHT) / len(votes)
    assert share == pytest.approx(expected, abs=4 * math.sqrt(expected * (1 - expected) / 2000))
    assert Outcome.TIE not in votes


def test_answers_that_are_alike_are_tied_and_another_seed_is_another_person() -> None:
    assert compare(ASKED, "Mars.", "Venus.") == Outcome.TIE
    assert rank(ASKED, ["Mars", "Mars.", "Venus.", ""]) == [(1, 2), (0,), (3,)]
    one, other = ([compare(ASKED, f"a{n}", f"b{n}.", seed=s) for n in range(300)] for s in (1, 2))
    assert one != other
    assert ALIKE < 1
