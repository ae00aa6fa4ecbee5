"""Take a person's or an item's judgements out of every later figure, for good.

The rows stay, marked: what was frozen or trained from them can be named, and nothing else reads
them (annotation.queries.current). What holds them already is told by annotation.holders.
"""

from dataclasses import dataclass, field
from typing import Any

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from annotation.actions.give_back import give_back
from annotation.actions.grow import drop_stale, retract
from annotation.actions.review import take_back
from annotation.holders import Holder, holders_of
from annotation.models import (
    Assignment,
    Comparison,
    Completion,
    Conversation,
    Decision,
    Demonstration,
    Draft,
    Item,
    Marking,
    Prompt,
    Ranking,
    Rating,
    Review,
    SentBack,
    Turn,
)
from annotation.models.assignments import AssignmentState
from annotation.models.campaigns import Purpose
from annotation.models.conversations import Verdict
from annotation.models.reviews import Ending, Outcome
from webapp.audit.actions.record import record
from webapp.workspaces.models import Workspace

JUDGEMENTS: dict[str, Any] = {
    "demonstration": Demonstration,
    "comparison": Comparison,
    "ranking": Ranking,
    "rating": Rating,
    "marking": Marking,
    "turn": Turn,
    "review": Review,
}


@dataclass(frozen=True)
class Withdrawal:
    """What goes, or went: judgements by kind, written answers, drafts; and who else holds them."""

    judgements: dict[str, int] = field(default_factory=dict)
    answers: int = 0
    drafts: int = 0
    holders: list[Holder] = field(default_factory=list)

    @property
    def anything(self) -> bool:
        return bool(sum(self.judgements.values()) or self.answers or self.drafts)


def of_person(workspace: Workspace, user: Any) -> Withdrawal:
    """What withdrawing a person's data in a workspace would take, and who holds it."""
    return _found(
        workspace,
        Q(annotator=user),
        Completion.objects.filter(prompt__workspace=workspace, author=user, retired_at=None),
        Draft.objects.filter(item__campaign__workspace=workspace, annotator=user),
    )


def of_item(item: Item) -> Withdrawal:
    """What withdrawing an item of a campaign would take, and who holds it."""
    return _found(
        item.campaign.workspace,
        Q(assignment__item=item),
        Completion.objects.none(),
        Draft.objects.filter(item=item),
    )


@transaction.atomic
def withdraw_person(*, workspace: Workspace, user: Any, by: Any, reason: str = "") -> Withdrawal:
    """Mark all that `user` said in `workspace`; open campaigns ask somebody else instead.

    Answers and prompts that the person wrote at work are retired, drafts are deleted. Snapshots
    stay as they were frozen; their holders are in the result.
    """
    gone = of_person(workspace, user)
    own = Assignment.objects.filter(campaign__workspace=workspace, annotator=user)
    give_back(own)
    answered = own.filter(state=AssignmentState.SUBMITTED)
    _reopen_decisions(Decision.objects.filter(by=user, item__campaign__workspace=workspace), by)
    decided = Decision.objects.filter(item=OuterRef("item"), taken_back_at__isnull=True)
    # What a reviewer decided anew needs no other answer; what was accepted does, and a new look.
    asked_again = answered.filter(
        ~Exists(decided.filter(outcome=Outcome.ADJUDICATED)),
        purpose=Purpose.WORK,
        repeat_of__isnull=True,
    )
    _reopen_decisions(
        Decision.objects.filter(outcome=Outcome.ACCEPTED, item__in=asked_again.values("item")),
        by,
    )
    Assignment.objects.bulk_create(
        [
            Assignment(campaign_id=campaign, item_id=item)
            for campaign, item in asked_again.order_by("pk").values_list("campaign", "item")
        ],
        batch_size=5000,
    )
    answered.update(state=AssignmentState.WITHDRAWN)
    _mark(workspace, Q(annotator=user))
    written = Completion.objects.filter(prompt__workspace=workspace, author=user)
    written.filter(retired_at=None).update(retired_at=Now())
    own_prompts = Demonstration.objects.filter(
        annotator=user, assignment__item__prompt=None, prompt__created_by=user
    )
    prompts = Prompt.objects.filter(workspace=workspace, retired_at=None)
    prompts.filter(pk__in=own_prompts.values("prompt")).update(retired_at=Now())
    in_conversations = Turn.objects.filter(
        annotator=user, conversation__campaign__workspace=workspace
    )
    retract(
        Conversation.objects.filter(
            pk__in=in_conversations.exclude(verdict=Verdict.REJECTED).values("conversation")
        ),
        _("A text in it was withdrawn."),
    )
    drop_stale(workspace)
    SentBack.objects.filter(
        campaign__workspace=workspace, annotator=user, ended_at__isnull=True
    ).update(ended_at=Now(), ending=Ending.TAKEN_BACK)
    Draft.objects.filter(item__campaign__workspace=workspace, annotator=user).delete()
    _recorded("person.withdraw", user, workspace, by, gone, reason)
    return gone


@transaction.atomic
def withdraw_item(*, item: Item, by: Any, reason: str = "") -> Withdrawal:
    """Take one question out of its campaign with all that was said about it."""
    gone = of_item(item)
    slots = Assignment.objects.filter(item=item).exclude(state=AssignmentState.WITHDRAWN)
    slots.update(state=AssignmentState.WITHDRAWN, lease_until=None)
    _mark(item.campaign.workspace, Q(assignment__item=item))
    if item.conversation_id is not None:
        retract(
            Conversation.objects.filter(pk=item.conversation_id), _("An item of it was withdrawn.")
        )
    _reopen_decisions(Decision.objects.filter(item=item), by)
    SentBack.objects.filter(assignment__item=item, ended_at__isnull=True).update(
        ended_at=Now(), ending=Ending.TAKEN_BACK
    )
    Draft.objects.filter(item=item).delete()
    _recorded("item.withdraw", item, item.campaign.workspace, by, gone, reason)
    return gone


def _reopen_decisions(decisions: QuerySet[Decision], by: Any) -> None:
    """Take back those that stand, item by item: each has its own judgements to count again."""
    standing = decisions.filter(taken_back_at__isnull=True)
    for decision in standing.select_related("item__campaign__workspace").order_by("pk"):
        take_back(decision=decision, by=by)


def _said(workspace: Workspace, where: Q) -> dict[str, QuerySet[Any]]:
    return {
        kind: model.objects.filter(
            where, prompt__workspace=workspace, withdrawn_at__isnull=True
        ).order_by("pk")
        for kind, model in JUDGEMENTS.items()
    }


def _found(
    workspace: Workspace, where: Q, answers: QuerySet[Completion], drafts: QuerySet[Draft]
) -> Withdrawal:
    ids = {
        kind: list(rows.values_list("pk", flat=True))
        for kind, rows in _said(workspace, where).items()
    }
    return Withdrawal(
        {kind: len(found) for kind, found in ids.items()},
        answers.count(),
        drafts.count(),
        holders_of(workspace, ids),
    )


def _mark(workspace: Workspace, where: Q) -> None:
    for kind, rows in _said(workspace, where).items():
        JUDGEMENTS[kind].objects.filter(pk__in=rows.values("pk")).update(withdrawn_at=Now())


def _recorded(
    action: str, target: Any, workspace: Workspace, by: Any, gone: Withdrawal, reason: str
) -> None:
    record(
        actor=by,
        action=action,
        target=target,
        workspace=workspace,
        changes={
            "judgements": [gone.judgements, {}],
            "held by": ["", ", ".join(holder.what for holder in gone.holders)[:1000]],
            "reason": ["", reason[:300]],
        },
    )
