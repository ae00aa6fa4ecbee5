"""What an item looks like: the prompt, the answers by letter, the fields of the campaign's kind.

The work page, the preview and the page of a check show the same.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from annotation.actions.grow import context_of
from annotation.domain.answers import LETTERS
from annotation.domain.rating_scales import (
    Ask,
    Scale,
    SentenceLabel,
    SpanLabel,
    plain,
    sentences,
)
from annotation.models import Assignment, Campaign, Completion, Item
from annotation.models.campaigns import Kind, Step
from annotation.models.conversations import Objection
from annotation.models.judgements import Strength
from annotation.ratings import scales_of
from webapp.rendering import Rendered, render_markdown

TEMPLATES: dict[str, str] = {Step.ANSWER: Kind.DEMONSTRATION, Step.RANK: Kind.RANKING}  # look alike


@dataclass(frozen=True)
class ShownAnswer:
    letter: str
    rendered: Rendered
    tier: str  # the tier that a draft or a refused form gave it
    scales: list[dict[str, Any]]
    plain: str  # for marking parts; empty where that is not asked
    marks: str
    sentences: list[dict[str, Any]]


def _scales(scales: list[Scale], letter: str, kept: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        {
            "scale": scale,
            "name": f"rate-{letter}-{number}",
            "kept": str(kept.get(f"rate-{letter}-{number}", "")),
            "values": [(str(value), words) for value, words in scale.values],
        }
        for number, scale in enumerate(scales)
    ]


def _sentences(letter: str, text: str, kept: Mapping[str, Any]) -> list[dict[str, Any]]:
    whole = plain(text)
    return [
        {
            "name": f"sentence-{letter}-{number}",
            "text": whole[start:end],
            "kept": str(kept.get(f"sentence-{letter}-{number}", "")),
        }
        for number, (start, end) in enumerate(sentences(text))
    ]


def _starts(campaign: Campaign, answers: Mapping[int, Completion]) -> list[str]:
    """The text that a rewriting begins with."""
    return [plain(answer.text) for answer in answers.values()] if campaign.rewrites else []


def _pairs(campaign: Campaign, kept: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The fields of a few-shot example's pairs."""
    if campaign.kind != Kind.FEW_SHOT:
        return []
    return [
        {
            "number": number,
            "query": kept.get(f"query-{number}", ""),
            "response": kept.get(f"response-{number}", ""),
        }
        for number in range(1, campaign.pairs + 1)
    ]


def _reviewed(item: Item) -> dict[str, Any] | None:
    """The message that is to be reviewed."""
    if item.step != Step.REVIEW or item.turn is None:
        return None
    return {"role": item.turn.role, "rendered": render_markdown(item.turn.text)}


def guidelines_of(campaign: Campaign) -> Rendered | None:
    newest = campaign.guidelines.first()
    return render_markdown(newest.text) if newest is not None and newest.text else None


def item_context(
    campaign: Campaign, assignment: Assignment, kept: Mapping[str, Any]
) -> dict[str, Any]:
    """The item of `assignment` as its template wants it; `kept` fills the fields in."""
    answers = Completion.objects.in_bulk(assignment.shown_order)
    scales = scales_of(campaign) if campaign.asks else []
    shown = [
        ShownAnswer(
            letter,
            render_markdown(answers[pk].text),
            tier=str(kept.get(f"tier-{letter}", "")),
            scales=_scales(scales, letter, kept),
            plain=plain(answers[pk].text) if Ask.SPANS in campaign.asks else "",
            marks=str(kept.get(f"marks-{letter}", "")),
            sentences=_sentences(letter, answers[pk].text, kept)
            if Ask.SENTENCES in campaign.asks
            else [],
        )
        for letter, pk in zip(LETTERS, assignment.shown_order, strict=False)
    ]
    item = assignment.item
    messages = list(item.prompt.messages if item.prompt else [])
    if item.step == Step.QUESTION:  # the answer that it follows is a part of the conversation
        messages += [{"role": "assistant", "content": answers[pk].text} for pk in answers]
        shown = []
    if item.step == Step.REVIEW and item.turn:
        messages = context_of(item.turn)
    turns = [
        {"role": turn["role"], "rendered": render_markdown(str(turn["content"]))}
        for turn in messages
    ]
    return {
        "campaign": campaign,
        "assignment": assignment,
        "turns": turns,
        "answers": shown,
        "ranks": assignment.asks in (Kind.RANKING, Step.RANK),
        "extremes": assignment.asks == Kind.BEST_WORST,
        "tiers": [str(number) for number in range(1, len(shown) + 1)],
        "span_labels": list(SpanLabel) if Ask.SPANS in campaign.asks else [],
        "sentence_labels": list(SentenceLabel),
        "rates": bool(campaign.asks),
        "tags": Ask.TAGS in campaign.asks,
        "strengths": Strength.choices,
        "kept": {"text": starts[0], **kept} if (starts := _starts(campaign, answers)) else kept,
        "start": starts[0] if starts else None,
        "guidelines_text": guidelines_of(campaign),
        "use_cases": campaign.use_cases,
        "use_case": kept.get("use_case") or item.use_case,
        "pairs": _pairs(campaign, kept),
        "reviewed": _reviewed(item),
        "objections": Objection.choices,
        "kept_objections": [one for one in Objection.values if kept.get(f"objection-{one}")],
        "asks": assignment.asks,
        "asks_for": Step(item.step).label if item.step else "",
        "kind_template": f"annotation/_{TEMPLATES.get(assignment.asks, assignment.asks)}.html",
    }
