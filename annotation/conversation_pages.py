"""Conversations as managers read them: how many stand where, and one whole tree."""

from dataclasses import dataclass, field
from typing import Any

from django.db.models import Count, Prefetch, QuerySet

from annotation.models import Campaign, Completion, Conversation, Prompt, Ranking, Review, Turn
from annotation.models.conversations import Growth, Role
from annotation.queries import current, given


@dataclass
class Answer:
    """An answer beside others: who wrote it, where rankings put it, whether it goes on from it."""

    completion: Completion
    turn: Turn | None
    tiers: list[str] = field(default_factory=list)
    preferred: bool = False


@dataclass
class Level:
    """A question with its answers, and the texts that are not accepted (yet)."""

    prompt: Prompt
    question: Turn | None
    answers: list[Answer]
    others: list[Turn]


def counts_of(campaign: Campaign) -> list[tuple[str, str, int]]:
    """(state, its label, conversations), in the order in which a conversation passes them."""
    counted = campaign.conversations.order_by().values("state").annotate(n=Count("pk"))
    found = {row["state"]: row["n"] for row in counted}
    return [(state.value, str(state.label), found.get(state.value, 0)) for state in Growth]


def conversations_of(campaign: Campaign, state: str = "") -> QuerySet[Conversation]:
    """Newest first, with how many messages were accepted."""
    found = campaign.conversations.select_related("root")
    if state in Growth.values:
        found = found.filter(state=state)
    return found.order_by("-pk")


def levels_of(conversation: Conversation) -> list[Level]:
    """The tree, question by question; a fixed number of queries whatever its size."""
    reviews = Prefetch("reviews", given(Review.objects.select_related("annotator").order_by("pk")))
    turns = list(
        given(Turn.objects.filter(conversation=conversation))
        .select_related("annotator", "prompt", "question", "completion", "after")
        .prefetch_related(reviews)
        .order_by("pk")
    )
    asked = {turn.question_id: turn for turn in turns if turn.question_id}
    prompts = [conversation.root, *(turn.question for turn in turns if turn.question)]
    placed = _tiers(conversation)
    shown = Completion.objects.filter(pk__in=placed).select_related("author")
    written = {turn.completion_id: turn for turn in turns if turn.completion_id}
    answers = {answer.pk: answer for answer in shown}
    answers |= {turn.completion.pk: turn.completion for turn in turns if turn.completion}
    preferred = {turn.after_id for turn in asked.values()} | _last(conversation)
    return [
        Level(
            prompt,
            asked.get(prompt.pk),
            [
                Answer(one, written.get(one.pk), placed.get(one.pk, []), one.pk in preferred)
                for one in sorted(answers.values(), key=lambda one: one.pk)
                if one.prompt_id == prompt.pk
            ],
            [turn for turn in turns if turn.prompt_id == prompt.pk and not _became(turn)],
        )
        for prompt in prompts
    ]


def messages_of(conversation: Conversation) -> list[dict[str, Any]]:
    """The tree as rows for programs: each text with what became of it."""
    rows: list[dict[str, Any]] = []
    for number, level in enumerate(levels_of(conversation), start=1):
        question = level.prompt.messages[-1]["content"]
        rows.append(_row(number, Role.PROMPTER, question, "accepted", preferred=True))
        rows += [
            _row(
                number,
                Role.ASSISTANT,
                answer.completion.text,
                "accepted",
                generator=answer.completion.generator,
                tiers=answer.tiers,
                preferred=answer.preferred,
            )
            for answer in level.answers
        ]
        rows += [_row(number, turn.role, turn.text, turn.verdict) for turn in level.others]
    return rows


def _row(number: int, role: str, text: str, verdict: str, **more: Any) -> dict[str, Any]:
    blank: dict[str, Any] = {"generator": "", "tiers": [], "preferred": False}
    return {"question": number, "role": role, "text": text, "verdict": verdict, **blank, **more}


def _became(turn: Turn) -> bool:
    return turn.question_id is not None or turn.completion_id is not None


def _tiers(conversation: Conversation) -> dict[int, list[str]]:
    """Where each ranking put each answer; "–" is not rankable."""
    found: dict[int, list[str]] = {}
    rankings = Ranking.objects.filter(assignment__item__conversation=conversation)
    entries = current(rankings).order_by("pk").values_list("entries__completion", "entries__tier")
    for completion, tier in entries:
        found.setdefault(completion, []).append(str(tier or "–"))
    return found


def _last(conversation: Conversation) -> set[int | None]:
    """The answer that a question is being written after, or with which it ended."""
    item = conversation.items.filter(step="question").order_by("-pk").first()
    chosen: set[int | None] = set()
    if item is not None:
        chosen |= set(item.shown.values_list("completion_id", flat=True))
    if conversation.state == Growth.READY:
        best = conversation.asked.demonstrations.filter(
            metadata__conversation=conversation.pk
        ).first()
        same = conversation.asked.completions.filter(text=best.text) if best else []
        chosen |= {one.pk for one in same}
    return chosen
