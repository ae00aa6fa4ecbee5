"""Suggestions as they come and as they are compared, and the effect of showing them."""

from itertools import permutations
from typing import Any

import pytest

from annotation.domain.anchoring import Answered, anchoring, is_control, newcombe
from annotation.domain.proportions import share
from annotation.domain.suggestions import (
    by_letter,
    from_scores,
    from_verdicts,
    read_suggestion,
    says_the_same,
)


@pytest.mark.parametrize(
    ("kind", "row", "sentence"),
    [
        ("comparison", {}, "better"),
        ("comparison", {"better": 4, "choice": "tie"}, "not both"),
        ("comparison", {"better": 9}, "answers of the item: 4, 7"),
        ("comparison", {"better": True}, "answers of the item"),
        ("comparison", {"choice": "left"}, "tie, both_bad"),
        ("comparison", {"choice": "tie", "strength": "better"}, "no “strength”"),
        ("comparison", {"better": 4, "strength": "hugely"}, "significantly"),
        ("comparison", {"better": 4, "winner": 4}, "winner: no such field"),
        ("ranking", {"tiers": [4, 7]}, "list of lists"),
        ("ranking", {"tiers": [[4]]}, "one place"),
        ("ranking", {"tiers": [[4], [7, 4]]}, "one place"),
        ("ranking", {"tiers": [[4], [8]]}, "answers of the item"),
        ("demonstration", {"text": "  "}, "empty"),
        ("demonstration", {"text": "a\0b"}, "NUL"),
    ],
)
def test_what_does_not_fit_is_refused_with_what_is_allowed(
    kind: str, row: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(ValueError, match=sentence.replace("“", '"').replace("”", '"')):
        read_suggestion(kind, row, [4, 7])


def test_a_suggestion_is_the_same_whatever_order_is_shown() -> None:
    better = read_suggestion("comparison", {"better": 7, "strength": "slightly_better"}, [4, 7])
    assert by_letter(better, [4, 7]) == {"choice": "right", "strength": "slightly_better"}
    assert by_letter(better, [7, 4]) == {"choice": "left", "strength": "slightly_better"}
    ranked = read_suggestion("ranking", {"tiers": [[3], [1, 2]], "unrankable": [5]}, [1, 2, 3, 5])
    for shown in permutations([1, 2, 3, 5]):
        fields = by_letter(ranked, shown)
        placed = {one: fields[f"tier-{'ABCD'[at]}"] for at, one in enumerate(shown)}
        assert placed == {3: "1", 1: "2", 2: "2", 5: "none"}


def test_strength_white_space_and_the_order_in_a_tier_make_no_other_answer() -> None:
    assert says_the_same({"better": 4}, {"better": 4, "strength": "better"})
    assert not says_the_same({"better": 4}, {"better": 7})
    assert not says_the_same({"better": 4}, {"choice": "tie"})
    assert not says_the_same({"choice": "both_bad"}, {"choice": "tie"})
    tiers = {"tiers": [[1, 2], [3]], "unrankable": []}
    assert says_the_same({"tiers": [[2, 1], [3]], "unrankable": []}, tiers)
    assert not says_the_same({"tiers": [[1], [2], [3]], "unrankable": []}, tiers)
    assert says_the_same({"text": "Yes.\r\nNo. "}, {"text": "Yes.\nNo."})


def test_half_a_verdict_is_no_suggestion() -> None:
    both_orders = [(4, 7, "left"), (7, 4, "right")]
    assert from_verdicts("comparison", both_orders, [4, 7]) == {"better": 4}
    assert from_verdicts("comparison", [(4, 7, "left"), (7, 4, "left")], [4, 7]) is None
    assert from_verdicts("comparison", [(4, 7, "tie")], [4, 7]) == {"choice": "tie"}
    assert from_verdicts("comparison", [(4, 7, "both_bad")], [4, 7]) == {"choice": "both_bad"}
    assert from_verdicts("comparison", [(4, 7, "tie"), (7, 4, "left")], [4, 7]) == {"better": 7}
    three = [(1, 2, "left"), (2, 3, "left"), (1, 3, "left")]
    assert from_verdicts("ranking", three, [1, 2, 3]) == {
        "tiers": [[1], [2], [3]],
        "unrankable": [],
    }
    assert from_verdicts("ranking", three[:2], [1, 2, 3]) is None


def test_scores_rank_and_equal_scores_tie() -> None:
    scores = {1: 0.5, 2: 2.0, 3: 0.5}
    assert from_scores("ranking", scores, [1, 2, 3])["tiers"] == [[2], [1, 3]]  # type: ignore[index]
    assert from_scores("comparison", scores, [1, 2]) == {"better": 2}
    assert from_scores("comparison", scores, [1, 3]) == {"choice": "tie"}
    assert from_scores("comparison", scores, [1, 4]) is None


def test_the_interval_of_a_difference_is_newcombes() -> None:
    """Newcombe 1998, table II, method 10: 56/70 against 48/80 is 0.2000 (0.0524 to 0.3339)."""
    found = newcombe(share(56, 70), share(48, 80))
    assert found == pytest.approx((0.2, 0.0524, 0.3339), abs=5e-5)
    assert newcombe(share(0, 0), share(1, 2)) == (None, None, None)


def test_people_who_answer_the_same_item_are_no_more_proof_than_one() -> None:
    def answers(people: int) -> list[Answered]:
        return [
            Answered(item, person, shown=item < 20, agrees=item % 2 == 0 or item < 14)
            for item in range(40)
            for person in range(people)
        ]

    one, five = anchoring(answers(1)), anchoring(answers(5))
    assert (one.difference, one.low, one.high) == (five.difference, five.low, five.high)
    assert (five.shown.answers, five.shown.agrees.n) == (100, 20)


def test_the_control_share_is_the_share_that_was_asked_for_and_stays() -> None:
    drawn = [is_control(7, item, 0.2) for item in range(5000)]
    assert 0.18 < sum(drawn) / 5000 < 0.22
    assert drawn == [is_control(7, item, 0.2) for item in range(5000)]
    assert not any(is_control(7, item, 0.0) for item in range(200))
    assert all(is_control(7, item, 1.0) for item in range(200))
    wider = [is_control(7, item, 0.5) for item in range(5000)]
    assert all(wide for wide, narrow in zip(wider, drawn, strict=True) if narrow)
