"""Suggestions for an item: what they look like, and whether an answer says the same. Pure.

Like the right answer of a check a suggestion names completions, never sides: {"better": id} or
{"choice": "tie"} or {"choice": "both_bad"}, with a "strength" or without, for a comparison,
{"tiers": [[id ...] ...], "unrankable": [id ...]} for a ranking, {"text": "..."} for a text.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from typing import Any

from annotation.domain.answers import LETTERS, LONGEST_TEXT
from annotation.domain.preferences import Strength

SUGGESTED = ("comparison", "ranking", "demonstration")  # kinds of campaigns
STRENGTHS = tuple(step.value for step in Strength)


def read_suggestion(kind: str, row: Mapping[str, Any], shown: Sequence[int]) -> dict[str, Any]:
    """What a line of a file or a request suggests for an item that shows completions `shown`.

    Raises:
        ValueError: it does not fit the kind or the item; the sentence says what is allowed.
    """
    given = {name: value for name, value in row.items() if value is not None}
    if kind == "demonstration":
        return _text(given)
    return _comparison(given, shown) if kind == "comparison" else _ranking(given, shown)


def _only(given: Mapping[str, Any], *allowed: str) -> None:
    unknown = sorted(set(given) - set(allowed))
    if unknown:
        raise ValueError(f"{', '.join(unknown)}: no such field. Allowed: {', '.join(allowed)}.")


def _comparison(given: Mapping[str, Any], shown: Sequence[int]) -> dict[str, Any]:
    _only(given, "better", "choice", "strength")
    if ("better" in given) == ("choice" in given):
        raise ValueError(
            'Give "better" (the id of an answer) or "choice" (tie, both_bad), not both.'
        )
    if "choice" in given:
        if given["choice"] not in ("tie", "both_bad"):
            raise ValueError(f'"choice" is {given["choice"]!r}; allowed: tie, both_bad.')
        if "strength" in given:
            raise ValueError('A tie has no "strength"; leave it out.')
        return {"choice": given["choice"]}
    _known("better", given["better"], shown)
    if "strength" not in given:
        return {"better": given["better"]}
    if given["strength"] not in STRENGTHS:
        raise ValueError(f'"strength" is {given["strength"]!r}; allowed: {", ".join(STRENGTHS)}.')
    return {"better": given["better"], "strength": given["strength"]}


def _ranking(given: Mapping[str, Any], shown: Sequence[int]) -> dict[str, Any]:
    _only(given, "tiers", "unrankable")
    tiers: Any = given.get("tiers")
    unrankable = given.get("unrankable", [])
    lists = isinstance(tiers, list) and all(isinstance(tier, list) and tier for tier in tiers)
    if not lists or not isinstance(unrankable, list):
        raise ValueError('"tiers" is a list of lists of ids, best first: [[4], [2, 7]].')
    placed = [one for tier in tiers for one in tier] + unrankable
    for one in placed:
        _known("tiers", one, shown)
    if sorted(placed) != sorted(shown):
        allowed = ", ".join(map(str, sorted(shown)))
        raise ValueError(f"Every answer of the item has one place. Its answers: {allowed}.")
    return {"tiers": tiers, "unrankable": unrankable}


def _text(given: Mapping[str, Any]) -> dict[str, Any]:
    _only(given, "text")
    text = given.get("text")
    if not isinstance(text, str) or not text.strip():
        raise ValueError('"text" is empty. Give the suggested answer.')
    if "\0" in text or len(text) > LONGEST_TEXT:
        raise ValueError(f'"text" holds a NUL or more than {LONGEST_TEXT} characters.')
    return {"text": text}


def _known(name: str, given: Any, shown: Sequence[int]) -> None:
    if type(given) is not int or given not in shown:
        allowed = ", ".join(map(str, sorted(shown)))
        raise ValueError(f'"{name}" is {str(given)[:40]!r}; the answers of the item: {allowed}.')


def by_letter(content: Mapping[str, Any], shown: Sequence[int]) -> dict[str, str]:
    """The fields of the work form that say the same, for a screen with completions `shown`."""
    if "text" in content:
        return {"text": content["text"]}
    if "better" in content:
        side = "left" if shown[0] == content["better"] else "right"
        strength = {"strength": content["strength"]} if "strength" in content else {}
        return {"choice": side, **strength}
    if "choice" in content:
        return {"choice": content["choice"]}
    letters = dict(zip(shown, LETTERS, strict=False))
    placed = [*enumerate(content["tiers"], 1), ("none", content["unrankable"])]
    return {f"tier-{letters[one]}": str(place) for place, tier in placed for one in tier}


def says_the_same(answer: Mapping[str, Any], content: Mapping[str, Any]) -> bool:
    """Whether an answer in the form of a suggestion is that suggestion; its strength and the white
    space around a text do not matter."""
    if "text" in content:
        return _plain(answer.get("text", "")) == _plain(content["text"])
    if "tiers" in content:
        return _tiers(answer) == _tiers(content)
    return all(answer.get(name) == content.get(name) for name in ("better", "choice"))


def same_key(content: Mapping[str, Any]) -> str:
    """Equal for two answers to one item that say the same (says_the_same), texts left out."""
    if "tiers" in content:
        tiers, unrankable = _tiers(content)
        return f"{[sorted(tier) for tier in tiers]} {sorted(unrankable)}"
    return f"{content.get('better')} {content.get('choice')}"


def _plain(text: str) -> str:
    return text.replace("\r\n", "\n").strip()


def _tiers(content: Mapping[str, Any]) -> tuple[list[set[int]], set[int]]:
    return [set(tier) for tier in content.get("tiers", [])], set(content.get("unrankable", []))


def from_scores(
    kind: str, scores: Mapping[int, float], shown: Sequence[int]
) -> dict[str, Any] | None:
    """What scores of the shown completions suggest, higher is better; None where one has none."""
    if len(shown) < 2 or not all(one in scores for one in shown):
        return None
    values = sorted({scores[one] for one in shown}, reverse=True)
    if kind == "ranking":
        tiers = [[one for one in sorted(shown) if scores[one] == value] for value in values]
        return {"tiers": tiers, "unrankable": []}
    if kind != "comparison":
        return None
    if len(values) == 1:
        return {"choice": "tie"}
    return {"better": max(shown, key=lambda one: scores[one])}


def from_verdicts(
    kind: str, verdicts: Iterable[tuple[int, int, str]], shown: Sequence[int]
) -> dict[str, Any] | None:
    """What a judge's verdicts (left, right, choice) about pairs of the shown completions suggest.

    None where a pair was not judged, or where a judge who was asked in both orders contradicts
    itself: half a verdict is no suggestion.
    """
    said: dict[frozenset[int], list[tuple[str, int]]] = defaultdict(list)
    for left, right, choice in verdicts:
        winner = {"left": left, "right": right}.get(choice, 0)
        said[frozenset((left, right))].append((choice if not winner else "", winner))
    points = dict.fromkeys(shown, 0.0)
    for one, other in combinations(shown, 2):
        given = said.get(frozenset((one, other)))
        if not given:
            return None
        ahead, behind = (sum(winner == side for _tie, winner in given) for side in (one, other))
        if ahead == behind and ahead:
            return None
        points[one] += ahead > behind
        points[other] += behind > ahead
        if kind == "comparison" and ahead == behind:
            bad = all(tie == "both_bad" for tie, _winner in given)
            return {"choice": "both_bad" if bad else "tie"}
    return from_scores(kind, points, shown)
