"""Move a conversation on: what is asked next, what an accepted text becomes, how it ends.

Everything here runs inside the transaction of a submission that has locked the conversation, so
that two people who finish at once move it one after the other.
"""

import hashlib
from collections.abc import Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Count, Q, QuerySet
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext as _

from annotation.actions.create_prompt import create_prompt
from annotation.actions.prefer_the_rewritten import WRITER
from annotation.answerers import have_answered
from annotation.domain.conversation_growth import accepted, preferred
from annotation.domain.preferences import Ranking as Tiers
from annotation.models import (
    Assignment,
    Campaign,
    Completion,
    Conversation,
    Demonstration,
    Item,
    ItemCompletion,
    Prompt,
    Ranking,
    Review,
    Turn,
)
from annotation.models.assignments import AssignmentState
from annotation.models.campaigns import Step
from annotation.models.conversations import Growth, Role, Verdict
from annotation.queries import given

TRIES = 3  # rejected texts in one place, for each that is wanted there, that stop a conversation
A_BATCH = 100  # waiting conversations that one request moves on
OVER = (Growth.READY, Growth.ABORTED)


def ask_for_answers(conversation: Conversation) -> None:
    """Have the last accepted question answered, by people or by models."""
    campaign = conversation.campaign
    if campaign.model_answers:
        _become(conversation, Growth.WAITING)
        have_answered(campaign, [conversation.asked_id])
        _rank_if_answered(conversation)
        return
    _become(conversation, Growth.GROWING)
    question = given(Turn.objects.filter(conversation=conversation, question=conversation.asked))
    _ask(conversation, Step.ANSWER, campaign.answers, conversation.asked, turn=question.first())


def ask_for_reviews(turn: Turn) -> None:
    """Have peers read a text; without reviews it is accepted as it is."""
    conversation = turn.conversation
    if conversation.campaign.reviews:
        slots = conversation.campaign.reviews
        _ask(conversation, Step.REVIEW, slots, turn.prompt, turn=turn)
    else:
        _accept(turn)


def after_review(turn: Turn) -> None:
    """Accept or reject the text once all its reviews are in."""
    reviews = given(Review.objects.filter(turn=turn)).values_list("accepted", flat=True)
    verdict = accepted(list(reviews), turn.conversation.campaign.reviews)
    if verdict is not None:
        (_accept if verdict else _reject)(turn)


def after_ranking(conversation: Conversation, item: Item) -> None:
    """Go on from the preferred answer once all rankings are in; later corrections move nothing."""
    if conversation.state != Growth.RANKING or conversation.asked_id != item.prompt_id:
        return
    rankings = given(Ranking.objects.filter(assignment__item=item)).prefetch_related("entries")
    ballots = [_ballot(ranking) for ranking in rankings]
    if len(ballots) < conversation.campaign.overlap:
        return
    best = preferred(ballots, seed=str(conversation.pk))
    if best is None:
        stop(conversation, _("None of the answers could be ranked."))
    elif conversation.questions < conversation.campaign.depth:
        _become(conversation, Growth.GROWING)
        answer = Completion.objects.get(pk=best)
        _ask(conversation, Step.QUESTION, 1, conversation.asked, completions=[answer])
    else:
        _finish(conversation, Completion.objects.get(pk=best))


def continue_waiting(campaign: Campaign) -> bool:
    """Have the answers ranked that models have written meanwhile; whether there were any.

    Called where the queue looks empty, in a transaction.
    """
    if not campaign.model_answers:
        return False
    waiting = Conversation.objects.filter(campaign=campaign, state=Growth.WAITING)
    answered = waiting.annotate(
        n=Count("asked__completions", filter=_usable(campaign, "asked__completions__"))
    ).filter(n__gte=campaign.answers)
    ids = list(answered.order_by("pk").values_list("pk", flat=True)[:A_BATCH])
    locked = Conversation.objects.select_for_update(skip_locked=True).filter(
        pk__in=ids, state=Growth.WAITING
    )
    moved = False
    for conversation in locked.order_by("pk"):
        conversation.campaign = campaign
        moved = _rank_if_answered(conversation) or moved
    return moved


def stop(conversation: Conversation, reason: str) -> None:
    """End it without a result. Its open and held slots go; what was ranked keeps counting."""
    _become(conversation, Growth.ABORTED, reason[:300])
    Assignment.objects.filter(
        item__conversation=conversation,
        state__in=(AssignmentState.OPEN, AssignmentState.LEASED),
    ).update(state=AssignmentState.WITHDRAWN, lease_until=None)


def retract(conversations: QuerySet[Conversation], reason: str) -> None:
    """Take conversations back whose texts are withdrawn, with their demonstrations and prompts."""
    for conversation in conversations.select_for_update():
        stop(conversation, reason)
        Demonstration.objects.filter(group=group_of(conversation), withdrawn_at=None).update(
            withdrawn_at=Now()
        )
        asked = Turn.objects.filter(conversation=conversation, question__isnull=False)
        Prompt.objects.filter(pk__in=asked.values("question"), retired_at=None).update(
            retired_at=Now()
        )


def drop_stale(workspace: Any) -> None:
    """Withdraw free slots that a withdrawal opened for a step that is over."""
    Assignment.objects.filter(
        Q(item__step=Step.REVIEW) & ~Q(item__turn__verdict=Verdict.IN_REVIEW)
        | Q(item__step=Step.RANK) & ~Q(item__conversation__state=Growth.RANKING)
        | Q(item__conversation__state__in=OVER),
        campaign__workspace=workspace,
        state=AssignmentState.OPEN,
    ).update(state=AssignmentState.WITHDRAWN)


def group_of(conversation: Conversation) -> str:
    """The group under which its demonstrations stand."""
    return f"conversation {conversation.pk}"


def context_of(turn: Turn) -> list[dict[str, str]]:
    """The messages before a text: the question it answers, or the answer that it follows."""
    before = [
        {"role": str(message["role"]), "content": str(message["content"])}
        for message in turn.prompt.messages
    ]
    if turn.after is not None:
        before.append({"role": Role.ASSISTANT.value, "content": turn.after.text})
    return before


def _accept(turn: Turn) -> None:
    conversation = turn.conversation
    turn.verdict = Verdict.ACCEPTED
    if turn.role == Role.ASSISTANT:
        turn.completion = Completion.objects.create(
            prompt=turn.prompt,
            text=turn.text,
            text_hash=hashlib.sha256(turn.text.encode()).digest(),
            generator=WRITER,
            author=turn.annotator,
            source_id=f"turn {turn.pk}",
        )
        turn.save(update_fields=["verdict", "completion"])
        answers = given(
            Turn.objects.filter(
                conversation=conversation, prompt=conversation.asked, completion__isnull=False
            )
        ).values_list("completion", flat=True)
        if len(answers) == conversation.campaign.answers:
            _ask_for_rankings(conversation, list(Completion.objects.filter(pk__in=answers)))
        return
    root = conversation.root
    turn.question, _new = create_prompt(
        workspace=conversation.campaign.workspace,
        by=turn.annotator,
        messages=[*context_of(turn), {"role": Role.PROMPTER.value, "content": turn.text}],
        split=root.split,
        language=root.language,
        use_case=root.use_case,
        source=f"campaign: {conversation.campaign.name}",
        licence=root.licence,
    )
    turn.save(update_fields=["verdict", "question"])
    conversation.asked = turn.question
    conversation.questions += 1
    conversation.save(update_fields=["asked", "questions"])
    ask_for_answers(conversation)


def _reject(turn: Turn) -> None:
    """Somebody else is asked for another text, until too many were rejected."""
    conversation = turn.conversation
    turn.verdict = Verdict.REJECTED
    turn.save(update_fields=["verdict"])
    wanted = conversation.campaign.answers if turn.role == Role.ASSISTANT else 1
    rejected = Turn.objects.filter(
        conversation=conversation, prompt=turn.prompt, role=turn.role, verdict=Verdict.REJECTED
    )
    if given(rejected).count() >= TRIES * wanted:
        stop(conversation, _("Too many texts were rejected in one place."))
        return
    assert turn.assignment is not None
    Assignment.objects.create(campaign=conversation.campaign, item=turn.assignment.item)


def _rank_if_answered(conversation: Conversation) -> bool:
    campaign = conversation.campaign
    usable = Completion.objects.filter(_usable(campaign), prompt=conversation.asked)
    # Drawn by a hash, as the answers of any other campaign are: no model is favoured by its name.
    drawn = sorted(
        usable,
        key=lambda one: hashlib.md5(f"{one.pk}:{campaign.pk}".encode()).digest(),  # noqa: S324
    )[: campaign.answers]
    if len(drawn) < campaign.answers:
        return False
    _ask_for_rankings(conversation, drawn)
    return True


def _usable(campaign: Campaign, prefix: str = "") -> Q:
    found = Q(**{f"{prefix}has_text": True, f"{prefix}retired_at": None})
    if campaign.generators:
        found &= Q(**{f"{prefix}generator__in": campaign.generators})
    return found


def _ask_for_rankings(conversation: Conversation, answers: Sequence[Completion]) -> None:
    _become(conversation, Growth.RANKING)
    slots = conversation.campaign.overlap
    _ask(conversation, Step.RANK, slots, conversation.asked, completions=answers)


def _finish(conversation: Conversation, last: Completion) -> None:
    """Its best path becomes demonstrations: each answer with all that was said before it."""
    turns = given(
        Turn.objects.filter(
            conversation=conversation, role=Role.PROMPTER, verdict=Verdict.ACCEPTED
        ).select_related("prompt", "after")
    ).order_by("pk")
    path = [(turn.prompt, turn.after) for turn in turns]
    for prompt, answer in [*path, (conversation.asked, last)]:
        assert answer is not None  # a question follows an answer
        ranked = Ranking.objects.filter(
            assignment__item__conversation=conversation, prompt=prompt
        ).first()
        written = Turn.objects.filter(completion=answer).first()
        Demonstration.objects.create(
            prompt=prompt,
            text=answer.text,
            annotator=answer.author,
            annotator_label="" if answer.author_id else answer.generator,
            assignment=(written or ranked).assignment if written or ranked else None,  # type: ignore[union-attr]
            group=group_of(conversation),
            metadata={"conversation": conversation.pk, "generator": answer.generator},
        )
    _become(conversation, Growth.READY)


def _become(conversation: Conversation, state: str, reason: str = "") -> None:
    conversation.state, conversation.reason = state, reason
    conversation.ended_at = timezone.now() if state in OVER else None
    conversation.save(update_fields=["state", "reason", "ended_at"])


def _ask(
    conversation: Conversation,
    step: str,
    slots: int,
    prompt: Prompt,
    *,
    turn: Turn | None = None,
    completions: Sequence[Completion] = (),
) -> None:
    item = Item.objects.create(
        campaign=conversation.campaign,
        prompt=prompt,
        conversation=conversation,
        step=step,
        turn=turn,
    )
    ItemCompletion.objects.bulk_create(
        ItemCompletion(item=item, completion=completion) for completion in completions
    )
    Assignment.objects.bulk_create(
        Assignment(campaign=conversation.campaign, item=item) for _slot in range(slots)
    )


def _ballot(ranking: Ranking) -> Tiers:
    tiers: dict[int, list[str]] = {}
    unrankable = []
    for entry in ranking.entries.all():
        if entry.tier is None:
            unrankable.append(str(entry.completion_id))
        else:
            tiers.setdefault(entry.tier, []).append(str(entry.completion_id))
    return Tiers(tuple(tuple(tiers[tier]) for tier in sorted(tiers)), tuple(unrankable))


def lock(item: Item) -> Conversation | None:
    """The conversation of an item, locked for its next move; None for items of other kinds.

    Raises:
        ValidationError: it has ended, so that nothing can be added to it.
    """
    if item.conversation_id is None:
        return None
    conversation = (
        Conversation.objects.select_for_update(of=("self",))
        .select_related("campaign__workspace", "asked", "root")
        .get(pk=item.conversation_id)
    )
    if conversation.state == Growth.ABORTED:
        raise ValidationError(_("This conversation was stopped meanwhile. Skip the item."))
    return conversation
