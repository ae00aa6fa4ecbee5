"""Multiple-choice benchmarks."""

import pytest

from annotation.domain.multiple_choice import (
    Question,
    exact_match,
    multiple_choice_scores,
    plain_answer,
)


def test_length_can_turn_the_choice() -> None:
    # -4 beats -6; per character -4/2 loses to -6/6; "ä" is one character and two bytes
    question = Question([" a", "longer"], [-4.0, -6.0], 1)
    found = multiple_choice_scores([question, Question(["ää", "bbb"], [-4.0, -5.0], 0)])
    assert (found.accuracy, found.accuracy_per_character, found.accuracy_per_byte) == (
        0.5,
        0.5,
        1.0,
    )  # sd of 0 and 1 is sqrt(1/2); over sqrt(2)
    assert found.standard_error == pytest.approx(0.5)


def test_a_single_question_has_no_error() -> None:
    assert multiple_choice_scores([Question(["a"], [-1.0], 0)]).standard_error is None


@pytest.mark.parametrize(
    "question",
    [Question(["a"], [-1.0, -2.0], 0), Question(["a"], [-1.0], 1), Question([""], [-1.0], 0)],
)
def test_it_refuses_a_question_that_is_not_whole(question: Question) -> None:
    with pytest.raises(ValueError, match="Question 1 has"):
        multiple_choice_scores([question])
    with pytest.raises(ValueError, match="no question"):
        multiple_choice_scores([])


def test_an_exact_match_forgives_case_punctuation_and_spaces() -> None:
    assert exact_match(" Forty-Two. ", ["fortytwo", "42"])
    assert not exact_match("43", ["42"])
    assert plain_answer("ﬁne,  THANKS!") == "fine thanks"
