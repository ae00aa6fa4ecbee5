"""What an item looks like: the prompt, the answers by letter, the fields of the campaign's kind.

The work page, the preview and the page of a check show the same.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from annotation.models import Assignment, Campaign, Completion
from annotation.models.judgements import Strength
from annotation.work_form import LETTERS
from webapp.rendering import Rendered, render_markdown


@dataclass(frozen=True)
class ShownAnswer:
    letter: str
    rendered: Rendered
    tier: str  # the tier that a draft or a refused form gave it


def guidelines_of(campaign: Campaign) -> Rendered | None:
    newest = campaign.guidelines.first()
    return render_markdown(newest.text) if newest is not None and newest.text else None


def item_context(
    campaign: Campaign, assignment: Assignment, kept: Mapping[str, Any]
) -> dict[str, Any]:
    """The item of `assignment` as its template wants it; `kept` fills the fields in."""
    answers = Completion.objects.in_bulk(assignment.shown_order)
    shown = [
        ShownAnswer(
            letter,
            render_markdown(answers[pk].text),
            tier=str(kept.get(f"tier-{letter}", "")),
        )
        for letter, pk in zip(LETTERS, assignment.shown_order, strict=False)
    ]
    turns = [
        {"role": turn["role"], "rendered": render_markdown(str(turn["content"]))}
        for turn in assignment.item.prompt.messages
    ]
    return {
        "campaign": campaign,
        "assignment": assignment,
        "turns": turns,
        "answers": shown,
        "tiers": [str(number) for number in range(1, len(shown) + 1)],
        "strengths": Strength.choices,
        "kept": kept,
        "guidelines_text": guidelines_of(campaign),
        "kind_template": f"annotation/_{campaign.kind}.html",
    }
