"""What a person is shown of a suggestion, written down before it is shown."""

from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from annotation.actions.save_draft import keep_as_draft
from annotation.domain.anchoring import is_control
from annotation.domain.answers import Answer, Demonstration
from annotation.domain.gold import expected_from
from annotation.domain.suggestions import says_the_same
from annotation.models import Assignment, Campaign, Suggestion, SuggestionShown
from annotation.models.campaigns import Purpose, Shows
from annotation.suggestions import shown_to


class SecondLook(Exception):
    """The suggestion says something else: it is shown now, and the answer is asked for again."""

    def __init__(self) -> None:
        super().__init__(
            _("A suggestion says something else. Look at it, then send your answer, changed or not")
            + "."
        )


def note_suggestion(*, campaign: Campaign, annotator: Any, assignment: int) -> None:
    """Keep a copy of what lies there for an item that was just handed out, shown or kept back.

    Hidden checks and repeats come as any item comes, or they could be told; only the training has
    none, which is to teach by itself.
    """
    found = (
        Suggestion.objects.filter(item__assignments=assignment)
        .exclude(item__purpose=Purpose.TRAINING)
        .select_related("origin_set")
        .first()
    )
    if found is None:
        return
    SuggestionShown.objects.bulk_create(
        [
            SuggestionShown(
                assignment_id=assignment,
                annotator=annotator,
                origin=found.origin_set.origin,
                source=found.origin_set.name,
                content=found.content,
                moment=campaign.suggests,
                shown=not is_control(campaign.pk, found.item_id, campaign.control_share),
            )
        ],
        ignore_conflicts=True,  # handed out before, to the same person
    )


def look_again(*, assignment: Assignment, annotator: Any, submission: Any) -> None:
    """Before an answer is stored: remember how the suggestion was met.

    Raises:
        SecondLook: it is to be shown after answering and says something else; what was typed is
            kept as a draft. The same form sent again is no second look.
    """
    row = shown_to(annotator, assignment.pk)
    if row is None or not row.shown:
        return
    if submission.took_suggestion and not row.taken:
        SuggestionShown.objects.filter(pk=row.pk).update(taken=True)
    if row.moment != Shows.AFTER or (row.first is not None and row.first_key != submission.key):
        return
    said = said_by(submission.answer, assignment.shown_order)
    if says_the_same(said, row.content):
        return
    if row.first is None:
        with transaction.atomic():
            SuggestionShown.objects.filter(pk=row.pk).update(first=said, first_key=submission.key)
            typed = submission.typed
            if typed:
                keep_as_draft(item=assignment.item, annotator=annotator, content=typed)
    raise SecondLook


def said_by(answer: Answer, shown: list[int]) -> dict[str, Any]:
    """An answer in the form of a suggestion."""
    if isinstance(answer, Demonstration):
        return {"text": answer.text}
    return expected_from(answer, shown)
