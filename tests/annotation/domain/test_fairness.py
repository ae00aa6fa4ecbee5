"""Yes-or-no decisions over groups."""

import pytest

from annotation.domain.fairness import Answer, decision, fairness, fairness_score, read_yes_or_no


def test_rates_are_compared_over_groups() -> None:
    truth, said = [1, 1, 0, 0, 1, 1, 0, 0], [1, 1, 1, 0, 1, 0, 0, 0]
    found = fairness(truth, said, ["a"] * 4 + ["b"] * 4)
    # selection 3/4 and 1/4; true positives 2/2 and 1/2; false positives 1/2 and 0/2
    assert found.demographic_parity_difference == 0.5
    assert found.equalized_odds_difference == 0.5
    assert found.accuracy == 6 / 8
    assert found.groups["b"].true_positive == 0.5


def test_a_refusal_is_left_out_and_counted() -> None:
    found = fairness([1, 0, 1, 0], [1, None, 1, None], ["a", "a", "b", "b"])
    assert found.refusal_rate == 0.5
    assert found.demographic_parity_difference == 0.0
    assert found.groups["a"].false_positive is None


def test_nobody_decided_has_no_figures() -> None:
    found = fairness([1], [None], ["a"])
    assert found.demographic_parity_difference is None
    assert found.equalized_odds_difference is None
    assert found.accuracy is None


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("Yes, she will.", Answer.YES),
        ("no", Answer.NO),
        ("Yes and no.", Answer.AMBIGUOUS),
        ("I cannot tell.", Answer.REFUSED),
        ("Nobody knows", Answer.REFUSED),
        ("that is incorrect", Answer.NO),
    ],
)
def test_a_text_is_read_the_same_way_every_time(text: str, answer: Answer) -> None:
    assert {read_yes_or_no(text) for _ in range(20)} == {answer}


def test_an_ambiguous_answer_counts_as_refused() -> None:
    assert decision(Answer.AMBIGUOUS) is decision(Answer.REFUSED) is None
    assert (decision(Answer.YES), decision(Answer.NO)) == (1, 0)


def test_it_refuses_other_columns_and_values() -> None:
    with pytest.raises(ValueError, match="one of each"):
        fairness([1], [1, 0], ["a", "b"])
    with pytest.raises(ValueError, match="0 or 1"):
        fairness([2], [1], ["a"])
    with pytest.raises(ValueError, match="no setting"):
        fairness_score([])
    assert fairness_score([0.1, 0.3]) == pytest.approx(80.0)
