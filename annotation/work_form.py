"""The annotation form: its fields by name, read into an answer. Answers go by letter, never by id.

A letter says where an answer stood on this person's screen and nothing else; the ids of the
completions stay on the server, so that a form cannot tell which model wrote what.
"""

import contextlib
import math
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from annotation.actions.submit import Submission
from annotation.domain import answers
from annotation.domain.answers import LETTERS, Unanswered
from annotation.domain.few_shot import MOST_PAIRS
from annotation.domain.preferences import MalformedRanking, parse_ranking
from annotation.models.campaigns import Kind, Step
from annotation.models.conversations import Objection

LONGEST_COMMENT = 5000
A_DAY = 86_400
PREFIXES = ("tier-", "rate-", "marks-", "sentence-", "query-", "response-", "objection-")
FIELDS = {
    *("text", "rationale", "choice", "strength", "comment", "typed"),
    *("prompt", "use_case", "instruction", "verdict", "best", "worst"),
}


def typed_fields(form: Mapping[str, str]) -> dict[str, str]:
    """What a draft keeps of a form: what a person typed or chose, not keys and tokens."""
    return {
        name: value
        for name, value in form.items()
        if value and (name in FIELDS or name.startswith(PREFIXES))
    }


def typed_from(expected: Mapping[str, Any], shown: Sequence[int]) -> dict[str, str]:
    """The fields that give the right answer of a check (annotation.domain.gold)."""
    if "better" in expected:
        return {"choice": "left" if shown and shown[0] == expected["better"] else "right"}
    if "choice" in expected:
        return {"choice": str(expected["choice"])}
    by_letter = dict(zip(shown, LETTERS, strict=False))
    if "best" in expected:
        return {name: by_letter[expected[name]] for name in ("best", "worst")}
    return {
        f"tier-{by_letter[one]}": str(place)
        for place, tier in [*enumerate(expected["tiers"], 1), ("none", expected["unrankable"])]
        for one in tier
    }


def read_submission(asks: str, shown: Sequence[int], form: Mapping[str, str]) -> Submission:
    """The form of one item as a submission; `asks` is Assignment.asks.

    Raises:
        Unanswered: something is missing or malformed; the sentence says what.
    """
    if any("\0" in value for value in form.values()):
        raise Unanswered("The text holds a NUL character, which cannot be kept. Remove it.")
    comment = form.get("comment", "").strip()
    if len(comment) > LONGEST_COMMENT:
        raise Unanswered(
            f"The comment has {len(comment)} characters; at most {LONGEST_COMMENT} are kept."
        )
    try:
        key, attempt = uuid.UUID(form.get("key", "")), int(form.get("attempt", ""))
    except ValueError:
        raise Unanswered("The form is incomplete. Load the page anew.") from None
    return Submission(
        answer=_read_answer(asks, shown, form),
        key=key,
        attempt=attempt,
        comment=comment,
        seconds=_seconds(form.get("seconds", "")),
        typed=typed_fields(form),
        took_suggestion=form.get("took_suggestion", "") in ("1", "True"),
    )


def _read_answer(kind: str, shown: Sequence[int], form: Mapping[str, str]) -> answers.Answer:
    if kind == Kind.DEMONSTRATION:
        return answers.Demonstration(_text(form, "text"), _text(form, "rationale"))
    if kind in (Step.QUESTION, Step.ANSWER):
        return _message(kind, _text(form, "text"))
    if kind == Step.REVIEW:
        return _review(form)
    if kind == Kind.WRITING:
        return answers.WrittenPrompt(
            _text(form, "prompt"), _text(form, "text"), form.get("use_case", "")
        )
    if kind == Kind.FEW_SHOT:
        pairs = (
            (_text(form, f"query-{number}"), _text(form, f"response-{number}"))
            for number in range(1, MOST_PAIRS + 2)
            if f"query-{number}" in form or f"response-{number}" in form
        )
        return answers.FewShot(_text(form, "instruction"), tuple(pairs))
    if kind == Kind.COMPARISON:
        return answers.comparison(form.get("choice", ""), form.get("strength", ""))
    if kind == Kind.BEST_WORST:
        return _best_worst(shown, form)
    return _read_ranking(shown, form)


def _best_worst(shown: Sequence[int], form: Mapping[str, str]) -> answers.BestWorst:
    by_letter = dict(zip(LETTERS, shown, strict=False))
    chosen = []
    for name in ("best", "worst"):
        letter = form.get(name, "").strip().upper()
        if not letter:
            raise Unanswered(f"The {name} answer is not named yet: {', '.join(by_letter)}.")
        if letter not in by_letter:
            raise Unanswered(
                f"{letter[:20]!r} is none of the answers. They are {', '.join(by_letter)}."
            )
        chosen.append(by_letter[letter])
    return answers.BestWorst(*chosen)


def _message(step: str, text: str) -> answers.Demonstration:
    if step == Step.QUESTION and not text.strip():
        raise Unanswered("The question is empty. Write what the person says next.")
    if step == Step.QUESTION and len(text) > answers.LONGEST_PROMPT:
        raise Unanswered(
            f"The question has {len(text)} characters; at most {answers.LONGEST_PROMPT} are kept."
        )
    return answers.Demonstration(text)


def _review(form: Mapping[str, str]) -> answers.Review:
    verdict = form.get("verdict", "")
    if verdict not in ("accept", "reject"):
        raise Unanswered("Nothing is chosen. Accept the message, or reject it with a reason.")
    objections = tuple(value for value in Objection.values if form.get(f"objection-{value}"))
    return answers.Review(verdict == "accept", objections)


def _text(form: Mapping[str, str], name: str) -> str:
    return form.get(name, "").replace("\r\n", "\n")


def _read_ranking(shown: Sequence[int], form: Mapping[str, str]) -> answers.RankedAnswers:
    """A typed ranking ("D > C > A = B") where there is one, else each answer's chosen tier."""
    by_letter = dict(zip(LETTERS, shown, strict=False))
    if form.get("typed", "").strip():
        return _typed_ranking(form["typed"], by_letter)
    chosen: dict[int, list[int]] = {}
    unrankable = []
    for letter, completion in by_letter.items():
        tier = form.get(f"tier-{letter}", "")
        if not tier:
            raise Unanswered(
                f"Answer {letter} has no place yet. Give it a tier, or mark it not rankable."
            )
        if tier == "none":
            unrankable.append(completion)
        elif tier in {str(number) for number in range(1, len(shown) + 1)}:
            chosen.setdefault(int(tier), []).append(completion)
        else:
            raise Unanswered(
                f"Answer {letter} is in tier {tier!r}; tiers go from 1 to {len(shown)}."
            )
    return answers.RankedAnswers(
        tuple(tuple(chosen[tier]) for tier in sorted(chosen)), tuple(unrankable)
    )


def _typed_ranking(text: str, by_letter: Mapping[str, int]) -> answers.RankedAnswers:
    try:
        ranking = parse_ranking(text.upper())
        ranking.require(by_letter)
    except MalformedRanking as malformed:
        raise Unanswered(str(malformed)) from None
    return answers.RankedAnswers(
        tuple(tuple(by_letter[name] for name in tier) for tier in ranking.tiers)
    )


def _seconds(given: str) -> float | None:
    """Time at work as the page measured it; nonsense is no measurement."""
    with contextlib.suppress(ValueError):
        seconds = float(given)
        if math.isfinite(seconds) and 0 < seconds < A_DAY:
            return seconds
    return None
