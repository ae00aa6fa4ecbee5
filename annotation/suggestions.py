"""What a person sees of a suggestion, in letters and words: its kind of origin, never a name."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet

from annotation.domain.gold import in_words
from annotation.domain.suggestions import by_letter
from annotation.models import Assignment, Campaign, Item, SuggestionShown
from annotation.models.campaigns import Purpose, Shows
from annotation.models.judgements import Strength
from annotation.models.suggestions import Origin


@dataclass(frozen=True)
class Seen:
    """fields: of the work form, to be taken over. words: of a text the text itself."""

    origin: str
    by: str  # the origin in words
    after: bool
    fields: dict[str, str]
    words: str
    is_text: bool


def shown_to(annotator: Any, assignment: int) -> SuggestionShown | None:
    """What was written down when the item was handed out to this person."""
    return SuggestionShown.objects.filter(assignment=assignment, annotator=annotator).first()


def seen_of(campaign: Campaign, annotator: Any, assignment: Assignment) -> Seen | None:
    """What the person sees now; nothing is asked of the database where nothing is suggested."""
    if not campaign.suggests:
        return None
    row = shown_to(annotator, assignment.pk)
    if row is None or not row.shown or (row.moment == Shows.AFTER and row.first is None):
        return None
    return seen(row, assignment.shown_order)


def seen(row: SuggestionShown, shown: Sequence[int]) -> Seen:
    content: dict[str, Any] = row.content
    is_text = "text" in content
    words = content["text"] if is_text else in_words(content, shown)
    if strength := content.get("strength"):
        words += f", {str(Strength(strength).label).lower()}"
    return Seen(
        origin=row.origin,
        by=str(Origin(row.origin).label),
        after=row.moment == Shows.AFTER,
        fields=by_letter(content, shown),
        words=words,
        is_text=is_text,
    )


def askable(campaign: Campaign) -> QuerySet[Item]:
    """What a suggestion may be for. A hidden check without one could be told by it."""
    return Item.objects.filter(campaign=campaign).exclude(purpose=Purpose.TRAINING)


def items_of(campaign: Campaign) -> Iterator[dict[str, Any]]:
    """The items with their texts and the ids of their answers, for whoever predicts."""
    for row in (
        askable(campaign)
        .select_related("prompt")
        .prefetch_related("completions")
        .order_by("pk")
        .iterator(chunk_size=500)
    ):
        yield item_row(row)


def item_row(row: Item) -> dict[str, Any]:
    """Who wrote an answer is not said: a prediction needs the text."""
    answers: Any = row.completions.all()
    return {
        "item": row.pk,
        "messages": row.prompt.messages if row.prompt else [],
        "answers": [
            {"id": each.pk, "text": each.text} for each in sorted(answers, key=lambda one: one.pk)
        ],
    }
