"""Check questions: what their right answer looks like, and whether an answer is right. Pure.

A right answer names completions, never sides, so that it holds whatever order was shown:
{"better": id}, {"choice": "tie"} or {"choice": "both_bad"} for a comparison, {"tiers": [[id ...]
...], "unrankable": [id ...]} for a ranking, {"best": id, "worst": id} for these two. A
demonstration has none: texts cannot be checked so.
"""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from annotation.domain.answers import Answer, BestWorst, Comparison, RankedAnswers, letter
from annotation.domain.outcomes import Outcome

ENOUGH_PAIRS = 0.8  # of the strict pairs of a right ranking that a right answer keeps


def expected_from(answer: Answer, shown: Sequence[int]) -> dict[str, Any]:
    """A manager's answer as the right one.

    Raises:
        ValueError: the answer is a text.
    """
    if isinstance(answer, Comparison):
        if answer.choice in (Outcome.TIE, Outcome.BOTH_BAD):
            return {"choice": answer.choice.value}
        return {"better": shown[0 if answer.choice is Outcome.LEFT else 1]}
    if isinstance(answer, BestWorst):
        return {"best": answer.best, "worst": answer.worst}
    if isinstance(answer, RankedAnswers):
        return {
            "tiers": [list(tier) for tier in answer.tiers],
            "unrankable": list(answer.unrankable),
        }
    raise ValueError("A written answer cannot be checked against a right one.")


def is_right(answer: Answer, expected: Mapping[str, Any], shown: Sequence[int]) -> bool:
    """Whether `answer`, given to completions in the order `shown`, is what was expected.

    A ranking is right when it keeps ENOUGH_PAIRS of the strict pairs and calls the same completions
    not rankable; where a tie was expected either order will do.
    """
    if isinstance(answer, Comparison | BestWorst):
        return expected_from(answer, shown) == dict(expected)
    if not isinstance(answer, RankedAnswers):
        return False
    if set(answer.unrankable) != set(expected.get("unrankable", ())):
        return False
    place = {one: number for number, tier in enumerate(answer.tiers) for one in tier}
    strict = [
        (better, worse)
        for number, tier in enumerate(expected["tiers"])
        for better in tier
        for below in expected["tiers"][number + 1 :]
        for worse in below
    ]
    kept = sum(place[better] < place[worse] for better, worse in strict)
    return kept >= ENOUGH_PAIRS * len(strict)


def in_words(expected: Mapping[str, Any], shown: Sequence[int]) -> str:
    """The right answer by the letters of this screen: "A", "tie", "both bad" or "C > A = B"."""
    if "better" in expected:
        return letter(int(expected["better"]), shown)
    if "choice" in expected:
        return str(expected["choice"]).replace("_", " ")
    if "best" in expected:
        best, worst = (letter(int(expected[name]), shown) for name in ("best", "worst"))
        return f"best {best}, worst {worst}"
    ranked = " > ".join(
        " = ".join(sorted(letter(one, shown) for one in tier)) for tier in expected["tiers"]
    )
    left_out = ", ".join(sorted(letter(one, shown) for one in expected.get("unrankable", ())))
    return f"{ranked} (not rankable: {left_out})" if left_out else ranked


def check_is_due(campaign: int, person: int, answered: int, share: float) -> bool:
    """Whether the next item is a check: a coin of probability `share`, the same however often it is
    looked at, so that neither counting nor reloading tells which item is one."""
    digest = hashlib.sha256(f"{campaign}:{person}:{answered}".encode()).digest()
    return int.from_bytes(digest[:8]) < share * 2**64
