"""Take a person's answer: exactly once, or not at all and with the text kept.

The idempotency key is made by the form, so a double click, a retry and the back button all name the
same submission. The assignment's attempt is the fencing token: who has lost the item to somebody
else cannot submit it any more, and finds the text as a draft.
"""

import uuid
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from annotation.actions.answer_at_once import answer_at_once, is_ordinary
from annotation.actions.count_again import hold_back
from annotation.actions.grow import after_ranking, lock
from annotation.actions.keep_turn import keep_review, keep_turn
from annotation.actions.keep_written import Written, is_the_same, keep_written
from annotation.actions.prefer_the_rewritten import prefer_the_rewritten
from annotation.actions.save_draft import keep_as_draft
from annotation.actions.set_standing import pause_where_checks_fail
from annotation.actions.show_suggestion import look_again
from annotation.boards.actions.stop_campaigns import look_soon
from annotation.domain import answers
from annotation.models import (
    Assignment,
    Comparison,
    Conversation,
    Demonstration,
    Marking,
    Ranking,
    RankingEntry,
    Rating,
    Review,
    Turn,
)
from annotation.models.campaigns import CHECKS, Kind, Purpose, ReviewStep, Step
from annotation.queries import told_of, unanswered
from annotation.ratings import Ratings
from webapp.audit.actions.record import record
from webapp.faultpoint import faultpoint
from webapp.webhooks.actions.announce import LISTENED, announce
from webapp.webhooks.events import Event

Judged = Demonstration | Comparison | Ranking | Turn | Review
KINDS: dict[str, tuple[type[Judged], type[answers.Answer]]] = {
    Kind.DEMONSTRATION: (Demonstration, answers.Demonstration),
    Kind.COMPARISON: (Comparison, answers.Comparison),
    Kind.RANKING: (Ranking, answers.RankedAnswers),
    Kind.BEST_WORST: (Ranking, answers.BestWorst),
    Kind.WRITING: (Demonstration, answers.WrittenPrompt),
    Kind.FEW_SHOT: (Demonstration, answers.FewShot),
    Step.QUESTION: (Turn, answers.Demonstration),
    Step.ANSWER: (Turn, answers.Demonstration),
    Step.REVIEW: (Review, answers.Review),
    Step.RANK: (Ranking, answers.RankedAnswers),
}

Placed = answers.RankedAnswers | answers.BestWorst  # stored as a ranking with its entries
TOLD: list[str] = [Event.JUDGEMENT_SUBMITTED.value, Event.CAMPAIGN_FINISHED.value]

# No join in the UPDATE: it would move the conditions into a subquery, which PostgreSQL does not
# look at again after waiting for a row that somebody else has just released.
TAKE = f"""
WITH held AS (
    UPDATE annotation_assignment slot
    SET state = 'submitted', submitted_at = clock_timestamp(), lease_until = NULL
    WHERE slot.id = %(assignment)s AND slot.annotator_id = %(annotator)s
      AND slot.attempt = %(attempt)s AND slot.state = 'leased'
      AND slot.campaign_id IN (
          SELECT id FROM annotation_campaign campaign
          WHERE campaign.id = slot.campaign_id AND campaign.state <> 'closed')
    RETURNING slot.id, slot.item_id, slot.annotator_id
), answered AS (
    UPDATE annotation_sentback sent SET ended_at = clock_timestamp(), ending = 'corrected'
    FROM held WHERE sent.assignment_id = held.id AND sent.ended_at IS NULL
), kept AS (
    DELETE FROM annotation_draft draft USING held
    WHERE draft.item_id = held.item_id AND draft.annotator_id = held.annotator_id
)
SELECT count(*), {LISTENED} FROM held
"""  # noqa: S608 - a constant


@dataclass(frozen=True)
class Submission:
    """An answer with what came along: the form's key, the claim it belongs to, a note, the time.

    `typed` is the form as it was filled in; it is kept as a draft if the answer cannot be taken.
    `took_suggestion`: the key was pressed that takes over what was suggested.
    """

    answer: answers.Answer
    key: uuid.UUID
    attempt: int
    comment: str = ""
    seconds: float | None = None
    ratings: Ratings = field(default_factory=Ratings)
    typed: dict[str, Any] = field(default_factory=dict)
    took_suggestion: bool = False


class AssignmentLost(Exception):
    """The reservation ran out and the item went on; the answer was kept as a draft."""

    def __init__(self) -> None:
        super().__init__(
            _("This item was reserved too long and was given on. Your text is kept as a draft.")
        )


class KeyReused(Exception):
    """The same key came with another answer: two different submissions may not share one."""

    def __init__(self) -> None:
        super().__init__(_("This form was already sent with another answer. Load the page anew."))


def submit(*, assignment: Assignment, annotator: Any, submission: Submission) -> Judged:
    """Store the answer and close the assignment; sent twice, the first row is the answer.

    Raises:
        ValidationError: the answer does not fit what was shown.
        AssignmentLost: the person does not hold the item any more; the text is kept as a draft.
        KeyReused: the key was used for another answer.
        SecondLook: a suggestion that says something else is shown first.
    """
    model, expected = KINDS[assignment.asks]
    if not isinstance(submission.answer, expected):
        raise ValidationError(_("This campaign asks for something else."), code="kind")
    _check(assignment, submission.answer)  # what the form alone could not know
    if assignment.campaign.suggests:
        look_again(assignment=assignment, annotator=annotator, submission=submission)
    at_once = _store_at_once(model, assignment, annotator, submission)
    if at_once is not None:
        return at_once
    try:
        with transaction.atomic():
            stored = _store(model, assignment, annotator, submission)
        faultpoint("submit.committed")
        return stored
    except (IntegrityError, AssignmentLost) as refused:
        before = model.objects.filter(idempotency_key=submission.key).first()
        if before is None and isinstance(refused, IntegrityError):
            raise  # not the key: a broken invariant must be seen
        if before is None:
            keep_as_draft(
                item=assignment.item,
                annotator=annotator,
                content=submission.typed or asdict(submission.answer),
            )
            raise AssignmentLost from refused
        if before.annotator_id != annotator.pk or not _says_the_same(
            before, submission, assignment
        ):
            raise KeyReused from refused
        return before


def _check(assignment: Assignment, answer: answers.Answer) -> None:
    if isinstance(answer, Placed):
        try:
            answer.check(assignment.shown_order)
        except ValueError as malformed:
            raise ValidationError(str(malformed), code="ranking") from None
    if isinstance(answer, answers.Demonstration):
        answer.check(with_rationale=assignment.campaign.rationales)
    if isinstance(answer, answers.WrittenPrompt):
        answer.check(assignment.campaign.use_cases)
    pairs = assignment.campaign.pairs
    if isinstance(answer, answers.FewShot) and len(answer.pairs) != pairs:
        raise ValidationError(
            _("The example has %(given)d pairs; this campaign asks for %(wanted)d.")
            % {"given": len(answer.pairs), "wanted": pairs}
        )


def _store_at_once(
    model: type[Judged], assignment: Assignment, annotator: Any, submission: Submission
) -> Judged | None:
    """The row of an ordinary vote or text; None where more is to be done than to store it."""
    if model not in (Comparison, Demonstration) or isinstance(submission.answer, Written):
        return None
    if not is_ordinary(assignment, submission.ratings):
        return None
    columns = _columns(assignment, submission.answer)
    if columns.get("rewritten_from_id") is not None:
        return None
    faultpoint("answer.begun")
    kind: Any = model
    row = kind(
        prompt_id=assignment.item.prompt_id,
        annotator=annotator,
        assignment=assignment,
        idempotency_key=submission.key,
        comment=submission.comment,
        seconds=submission.seconds,
        **columns,
    )
    stored = answer_at_once(row, assignment=assignment, attempt=submission.attempt, events=TOLD)
    faultpoint("answer.committed")
    return row if stored else None


def _store(
    model: type[Judged], assignment: Assignment, annotator: Any, submission: Submission
) -> Judged:
    faultpoint("submit.begun")
    conversation = lock(assignment.item)
    taken, listened = _take(assignment, annotator, submission)
    if not taken:
        raise AssignmentLost
    faultpoint("submit.taken")
    judged = _keep(model, assignment, annotator, submission, conversation)
    if conversation is not None and isinstance(judged, Ranking):
        after_ranking(conversation, assignment.item)
    _keep_ratings(judged, assignment, submission)
    if assignment.campaign.review == ReviewStep.EVERYTHING:
        hold_back(assignment.campaign, Q(assignment=assignment))
    record(
        actor=annotator,
        action=f"{assignment.asks}.submit",
        target=judged,
        workspace=assignment.campaign.workspace,
    )
    if assignment.campaign.stops_with_id is not None:
        transaction.on_commit(partial(look_soon, assignment.campaign.stops_with_id), robust=True)
    if assignment.purpose == Purpose.GOLD:
        pause_where_checks_fail(campaign=assignment.campaign, user=annotator)
    if listened:
        _tell(judged, assignment, listened)
    faultpoint("submit.stored")
    return judged


def keep(*, assignment: Assignment, annotator: Any, submission: Submission) -> Judged:
    """Store what a reviewer says of an item; no reservation is asked for, and none is closed.

    Raises:
        ValidationError, Unanswered: the answer does not fit what was shown.
    """
    model, expected = KINDS[assignment.asks]
    if not isinstance(submission.answer, expected):
        raise ValidationError(_("This campaign asks for something else."), code="kind")
    _check(assignment, submission.answer)
    judged = _keep(model, assignment, annotator, submission, None)
    _keep_ratings(judged, assignment, submission)
    return judged


def _keep(
    model: type[Judged],
    assignment: Assignment,
    annotator: Any,
    submission: Submission,
    conversation: Conversation | None,
) -> Judged:
    """The row of the answer, with whatever rows belong to it."""
    told: dict[str, Any] = {"comment": submission.comment, "seconds": submission.seconds}
    whole: dict[str, Any] = {"assignment": assignment, "annotator": annotator, **told}
    if isinstance(submission.answer, Written):
        return keep_written(answer=submission.answer, key=submission.key, **whole)
    if isinstance(submission.answer, answers.Review):
        return keep_review(answer=submission.answer, key=submission.key, **whole)
    if conversation is not None and isinstance(submission.answer, answers.Demonstration):
        return keep_turn(
            conversation=conversation, answer=submission.answer, key=submission.key, **whole
        )
    assert assignment.item.prompt_id is not None  # only own prompts have none
    judged = model.objects.create(
        prompt_id=assignment.item.prompt_id,
        annotator=annotator,
        assignment=assignment,
        idempotency_key=submission.key,
        is_check=assignment.purpose in CHECKS,
        supersedes=_undone(model, assignment),
        **told,
        **_columns(assignment, submission.answer),
    )
    if isinstance(submission.answer, Placed):
        RankingEntry.objects.bulk_create(_entries(judged, assignment, submission.answer))
    if isinstance(judged, Demonstration) and judged.rewritten_from_id is not None:
        prefer_the_rewritten(demonstration=judged, assignment=assignment)
    return judged


def _take(assignment: Assignment, annotator: Any, submission: Submission) -> tuple[bool, list[str]]:
    """Close the slot if this claim of it still holds; the draft has served its purpose then.

    Returns whether it did, and which events of TOLD a webhook of the workspace listens to.
    """
    values: dict[str, Any] = {
        "assignment": assignment.pk,
        "annotator": annotator.pk,
        "attempt": submission.attempt,
        "workspace": assignment.campaign.workspace_id,
        "events": TOLD,
    }
    with connection.cursor() as cursor:
        cursor.execute(TAKE, values)
        taken, listened = cursor.fetchone()
    return bool(taken), listened


def _tell(judged: Judged, assignment: Assignment, listened: list[str]) -> None:
    """Webhooks; nothing is asked of the database where nobody listens."""
    campaign = assignment.campaign
    if Event.JUDGEMENT_SUBMITTED in listened:
        payload = {
            **told_of(campaign),
            "assignment": assignment.pk,
            "item": assignment.item_id,
            "judgement": judged.pk,
            "annotator": judged.annotator_id,
            "corrects": judged.supersedes_id,
        }
        announce(campaign.workspace, Event.JUDGEMENT_SUBMITTED, payload)
    if Event.CAMPAIGN_FINISHED in listened and not unanswered(campaign).exists():
        announce(campaign.workspace, Event.CAMPAIGN_FINISHED, told_of(campaign))


def _keep_ratings(judged: Judged, assignment: Assignment, submission: Submission) -> None:
    """Scores and marked parts, beside the judgement; a correction withdraws the earlier ones."""
    if assignment.submitted_at is not None:
        for earlier in (Rating, Marking):
            given = earlier.objects.filter(assignment=assignment, withdrawn_at__isnull=True)
            given.update(withdrawn_at=Now())
    common: dict[str, Any] = {
        "prompt_id": judged.prompt_id,
        "annotator_id": judged.annotator_id,
        "assignment": assignment,
        "is_check": judged.is_check,
        "group": str(submission.key),
    }
    Rating.objects.bulk_create(
        Rating(
            **common,
            completion_id=completion,
            aspect=scale.aspect,
            score=score,
            lowest=scale.lowest,
            highest=scale.highest,
        )
        for completion, scale, score in submission.ratings.scores
    )
    Marking.objects.bulk_create(
        Marking(
            **common,
            completion_id=part.completion,
            start=part.start,
            end=part.end,
            label=part.label,
        )
        for part in submission.ratings.parts
    )


def _undone(model: type[Judged], assignment: Assignment) -> Any:
    """The version that this one corrects, after an undo; None at the first submission."""
    if assignment.submitted_at is None:
        return None
    return model.objects.filter(assignment=assignment, superseded_by__isnull=True).first()


def _columns(assignment: Assignment, answer: answers.Answer) -> dict[str, Any]:
    if isinstance(answer, answers.Demonstration):
        start = assignment.shown_order[0] if assignment.shown_order else None
        reasoned = {"rationale": answer.rationale} if answer.rationale else {}
        return {"text": answer.text, "rewritten_from_id": start, "metadata": reasoned}
    if isinstance(answer, answers.Comparison):
        left, right = assignment.shown_order
        return {
            "left_id": left,
            "right_id": right,
            "choice": answer.choice.value,
            "strength": answer.strength.value if answer.strength else "",
            "pair_probability": assignment.item.pair_probability,
        }
    return {"partial": True} if isinstance(answer, answers.BestWorst) else {}


def _entries(ranking: Any, assignment: Assignment, answer: Placed) -> list[RankingEntry]:
    if isinstance(answer, answers.BestWorst):
        tiers = answer.tiers(assignment.shown_order)
    else:
        tiers = {one: place for place, tier in enumerate(answer.tiers, start=1) for one in tier}
    return [
        RankingEntry(ranking=ranking, completion_id=one, tier=tiers.get(one), position=position)
        for position, one in enumerate(assignment.shown_order, start=1)
    ]


def _says_the_same(before: Judged, submission: Submission, assignment: Assignment) -> bool:
    """Whether a stored row is what this submission would have stored."""
    if before.assignment_id != assignment.pk or before.comment != submission.comment:
        return False
    if isinstance(before, Ranking) and isinstance(submission.answer, Placed):
        stored = set(before.entries.values_list("completion_id", "tier"))
        wanted = _entries(before, assignment, submission.answer)
        return stored == {(entry.completion_id, entry.tier) for entry in wanted}
    if isinstance(before, Demonstration) and isinstance(submission.answer, Written):
        return is_the_same(before, submission.answer)
    if isinstance(before, Turn):
        return before.text == getattr(submission.answer, "text", None)
    if isinstance(before, Review) and isinstance(submission.answer, answers.Review):
        said = (before.accepted, tuple(before.objections))
        return said == (submission.answer.accepted, submission.answer.objections)
    columns = _columns(assignment, submission.answer)
    return all(getattr(before, name) == value for name, value in columns.items())
