"""Judges: agreement, swaps and the reading of verdicts."""

import pytest

from annotation.domain.judges import JudgedPair, SwappedGame, judge_agreement, swap_report
from annotation.domain.outcomes import UnknownOutcome
from annotation.domain.verdicts import (
    TurnScore,
    VerdictFormat,
    fastchat_verdict,
    prometheus_choice,
    prometheus_score,
    single_scores,
    strict_verdict,
)

VOTES = [
    JudgedPair("q", 1, "A", "B", "judge", "model_a"),
    JudgedPair("q", 1, "B", "A", "human", "model_b"),
    JudgedPair("q", 1, "A", "B", "human", "tie (bothbad)"),
    JudgedPair("q", 1, "A", "B", "human", "tie"),
    JudgedPair("q", 2, "A", "B", "human", "model_a"),
]


def test_votes_are_compared_in_one_order_of_the_models() -> None:
    found = judge_agreement(VOTES, "judge", "human", without_ties=True)
    assert (found.agree, found.total, found.chance) == (1, 1, 0.5)
    assert found.rate.value == 1.0


def test_both_bad_and_tie_agree_and_people_are_paired_among_themselves() -> None:
    with_ties = judge_agreement(VOTES, "human", "human", without_ties=False)
    assert (with_ties.agree, with_ties.total) == (1, 3)
    assert with_ties.chance == pytest.approx(1 / 3)
    assert judge_agreement(VOTES, "judge", "human", without_ties=False).total == 3


def test_an_unknown_winner_is_refused_and_never_a_tie() -> None:
    with pytest.raises(UnknownOutcome):
        judge_agreement([VOTES[0]._replace(outcome="draw")], "a", "b", without_ties=False)


def test_a_match_is_won_only_if_both_orders_say_so() -> None:
    games = [("A", "B"), ("A", "A"), ("B", "B"), ("tie", "tie"), ("A", "error")]
    found = swap_report([SwappedGame("x", "y", *game) for game in games])
    assert (found.n_valid, found.n_errors) == (4, 1)
    assert found.models["x"].win == 1
    assert found.models["x"].tie == 3
    assert found.models["x"].win_rate_adjusted == (1 + 3 / 2) / 4
    # A-B and tie-tie agree; A-A chose the first place twice, B-B the second
    assert found.consistency == 0.5
    assert (found.first_position_rate, found.second_position_rate) == (0.25, 0.25)


def test_no_valid_match_has_no_rates() -> None:
    found = swap_report([SwappedGame("x", "y", "error", "A")])
    assert (found.consistency, found.models["x"].win_rate) == (None, None)
    with pytest.raises(ValueError, match="'C' is unknown"):
        swap_report([SwappedGame("x", "y", "C", "A")])


def test_a_verdict_that_quotes_its_instructions_is_not_misread() -> None:
    text = 'Output "[[A]]" if A is better, "[[B]]" if B is better. My verdict: [[B]]'
    assert strict_verdict(text, VerdictFormat.PAIR) == "B"
    # The control: FastChat reads the quoted instruction.
    assert fastchat_verdict(text, VerdictFormat.PAIR) == "A"


@pytest.mark.parametrize(
    ("text", "strict", "fastchat"),
    [
        ("[[8]]", 8.0, 8.0),
        ("[[ 7.5 ]]", 7.5, -1.0),
        ("[[0]]", None, 0.0),
        ("[[-3]]", None, -1.0),
        ("see [2]", None, 2.0),
        ("[[3]], no, [[11]]", None, 3.0),
        ("ten", None, -1.0),
    ],
)
def test_ratings_are_the_last_in_double_brackets_and_within_range(
    text: str, strict: float | None, fastchat: float
) -> None:
    assert strict_verdict(text, VerdictFormat.RATING) == strict
    assert fastchat_verdict(text, VerdictFormat.RATING) == fastchat


@pytest.mark.parametrize(
    ("text", "strict"),
    [("[[8, 7]]", "A"), ("[[ 7 ,8 ]]", "B"), ("[[1.0,1.1]]", "tie"), ("[[8]]", None)],
)
def test_two_ratings_within_a_tenth_are_a_tie(text: str, strict: str | None) -> None:
    assert strict_verdict(text, VerdictFormat.RATINGS) == strict


@pytest.mark.parametrize(
    ("text", "score"),
    [
        ("Fine. [RESULT] 4", 4),
        ("[RESULT] (3)", 3),
        ("a score of 2 out of 5\n", 2),
        ("Score: 5/5", 5),
        ("[RESULT] 4 because it is good", None),
        ("[RESULT] 6", None),
        ("[RESULT] 0", None),
        ("[RESULT] 4.5", None),
        ("", None),
    ],
)
def test_prometheus_closes_with_its_score(text: str, score: int | None) -> None:
    assert prometheus_score(text) == score


@pytest.mark.parametrize(
    ("text", "choice"),
    [
        ("[RESULT] Response B", "B"),
        ("so\nResult: A", "A"),
        ("[RESULT] a", "A"),
        ("[RESULT] C", None),
        ("A is better", None),
        ("[RESULT] A but not B by far", None),
    ],
)
def test_prometheus_closes_with_its_choice(text: str, choice: str | None) -> None:
    assert prometheus_choice(text) == choice


def test_a_single_score_is_the_mean_over_turns_and_not_of_turn_means() -> None:
    found = single_scores(
        [
            TurnScore("math", 1, 4.0),
            TurnScore("math", 2, -1.0),
            TurnScore("coding", 1, 8.0),
            TurnScore("coding", 2, 6.0),
            TurnScore("coding", 2, None),
        ]
    )
    assert found.average == pytest.approx((4 + 8 + 6) / 3)
    assert found.by_turn == {1: 6.0, 2: 6.0}
    assert found.by_category == {"math": 4.0, "coding": 7.0}
    assert (found.n_valid, found.n_invalid) == (3, 2)
    assert single_scores([]).average is None
