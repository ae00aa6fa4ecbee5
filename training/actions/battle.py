"""The arena: two models whose names are told after the vote."""

import random
import uuid
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import Count, Exists, OuterRef
from django.utils import timezone
from django.utils.translation import gettext as _

from annotation.actions.add_texts import add_comparison, add_completion, add_prompt
from annotation.domain.identity import NAMED, leaked_names, names_its_maker
from annotation.models import Completion, Prompt
from annotation.models.judgements import Choice
from training.actions.ask import ask, ask_again
from training.actions.sample import kept_settings
from training.generate.pairing import draw_pair, pair_probabilities
from training.generate.requests import LARGEST_SEED, Ask, Sampling
from training.model_queries import askable
from training.models import (
    Battle,
    BattleState,
    BattleTurn,
    EndpointKind,
    Generation,
    GenerationState,
    ModelEndpoint,
)
from webapp.accounts.throttle import Limit
from webapp.clean_json import CleanJSONError, check_text

SOURCE = "arena"
MOST_TURNS = 10
LONGEST_QUESTION = 20_000
QUESTIONS = Limit("arena questions", allowed=60, seconds=15 * 60)
VOTES = Limit("arena votes", allowed=40, seconds=15 * 60)
_chance = random.SystemRandom()


class TooFast(ValidationError):
    """More than a person can read; the message says how long to wait."""


def start_battle(*, workspace: Any, by: Any, text: str = "") -> Battle:
    """Draw two models and ask them `text`; without one, a prompt of the collection.

    A battle that this person left open ends without a vote. Recorded answers take part only in
    prompts of the collection: nobody can ask them anything else.

    Raises:
        ValidationError: fewer than two models can answer, or the text cannot be asked.
    """
    text = _checked(text) if text.strip() else ""
    _count(QUESTIONS, by)
    with transaction.atomic():
        Battle.objects.filter(workspace=workspace, user=by, state=BattleState.OPEN).update(
            state=BattleState.LEFT, ended_at=timezone.now()
        )
        models = askable(workspace).filter(in_arena=True)
        if text:
            models = models.exclude(kind=EndpointKind.RECORDED)
        left, right, probability = _draw(workspace, list(models), bool(text))
        question = text or _prompt_for(workspace, left, right)
        sampling = Sampling(temperature=0.7, seed=_chance.randrange(LARGEST_SEED))
        try:
            with transaction.atomic():
                battle = Battle.objects.create(
                    workspace=workspace,
                    user=by,
                    left=left,
                    right=right,
                    pair_probability=probability,
                    settings=sampling.as_json(),
                )
        except IntegrityError:  # two windows at once: the other one's battle is the battle
            return Battle.objects.get(workspace=workspace, user=by, state=BattleState.OPEN)
        _ask_both(battle, question)
    return battle


def ask_on(*, battle: Battle, by: Any, text: str) -> BattleTurn:
    """The next turn: each model with its own history.

    Raises:
        ValidationError: the battle is over or long enough, or a side has not answered.
    """
    text = _checked(text)
    with transaction.atomic():
        battle = Battle.objects.select_for_update().get(pk=battle.pk)
        _check_open(battle, by)
        turns = _turns(battle)
        if len(turns) >= MOST_TURNS:
            raise ValidationError(_("A battle has at most %d turns. Vote now.") % MOST_TURNS)
        _check_answered(turns)
        _count(QUESTIONS, by)
        return _ask_both(battle, text)


def try_again(*, battle: Battle, by: Any) -> None:
    """Ask the sides once more that gave no answer."""
    _check_open(battle, by)
    for turn in _turns(battle):
        for row in (turn.left, turn.right):
            if row.state in (GenerationState.FAILED, GenerationState.STOPPED):
                ask_again(generation=row)


def vote(*, battle: Battle, by: Any, choice: str, key: uuid.UUID) -> Battle:
    """Keep the choice as a comparison, and tell the names. Sent twice, it is one vote.

    Raises:
        ValidationError: unknown choice, a side without an answer, or somebody else's battle.
    """
    if choice not in Choice.values:
        raise ValidationError(
            _("The choice is “%(given)s”. Allowed: %(allowed)s.")
            % {"given": choice[:40], "allowed": ", ".join(Choice.values)}
        )
    with transaction.atomic():
        battle = (
            Battle.objects.select_for_update(of=("self",))
            .select_related("left", "right", "workspace", "comparison")
            .get(pk=battle.pk)
        )
        if battle.comparison is not None and battle.comparison.idempotency_key == key:
            return battle
        _check_open(battle, by)
        turns = _turns(battle)
        _check_answered(turns)
        _count(VOTES, by)
        said = {
            "left": [turn.left.text for turn in turns],
            "right": [turn.right.text for turn in turns],
        }
        battle.leaked = _leaked(battle, said)
        battle.comparison = _keep(battle, turns, said, choice, by, key)
        battle.state, battle.ended_at = BattleState.VOTED, timezone.now()
        battle.save(update_fields=["leaked", "comparison", "state", "ended_at"])
    return battle


def leave_battle(*, battle: Battle, by: Any) -> None:
    """End it without a vote; the names stay untold."""
    _check_open(battle, by)
    Battle.objects.filter(pk=battle.pk, state=BattleState.OPEN).update(
        state=BattleState.LEFT, ended_at=timezone.now()
    )


def votes_of_pairs(workspace: Any) -> dict[tuple[int, int], int]:
    """Endpoints (smaller id first) -> how often they were voted on here."""
    rows = (
        Battle.objects.filter(workspace=workspace, state=BattleState.VOTED)
        .order_by()
        .values_list("left_id", "right_id")
        .annotate(n=Count("pk"))
    )
    found: dict[tuple[int, int], int] = {}
    for left, right, count in rows:
        pair = (min(left, right), max(left, right))
        found[pair] = found.get(pair, 0) + count
    return found


def _draw(
    workspace: Any, models: list[ModelEndpoint], own_question: bool
) -> tuple[ModelEndpoint, ModelEndpoint, float]:
    known = {model.pk: model for model in models}
    if len(known) < 2:
        if own_question:
            raise ValidationError(
                _(
                    "Fewer than two models can be asked a question of your own. Take a prompt of "
                    "the collection, or ask a manager to add models to the arena."
                )
            )
        raise ValidationError(_("Fewer than two models take part in the arena."))
    left, right, probability = draw_pair(
        pair_probabilities(list(known), votes_of_pairs(workspace)), _chance
    )
    return known[left], known[right], probability


def _prompt_for(workspace: Any, left: ModelEndpoint, right: ModelEndpoint) -> str:
    """A prompt of one question that both can answer, drawn at random."""
    prompts = Prompt.objects.filter(workspace=workspace, retired_at__isnull=True).exclude(
        messages=[]
    )
    for side in (left, right):
        if side.kind == EndpointKind.RECORDED:
            theirs = Completion.objects.filter(
                prompt=OuterRef("pk"),
                generator=side.model,
                has_text=True,
                retired_at__isnull=True,
            )
            prompts = prompts.filter(Exists(theirs))
    single = prompts.filter(messages__0__role="user", messages__1__isnull=True)
    drawn = single.order_by("?").values_list("messages", flat=True).first()
    if drawn is None:
        raise ValidationError(
            _("The collection holds no prompt of one question that these models can answer.")
        )
    return str(drawn[0]["content"])


def _ask_both(battle: Battle, text: str) -> BattleTurn:
    turns = _turns(battle)
    sampling = Sampling.from_json(battle.settings)
    asks = []
    for side in ("left", "right"):
        messages = []
        for turn in turns:
            messages.append({"role": "user", "content": turn.text})
            messages.append({"role": "assistant", "content": getattr(turn, side).text})
        messages.append({"role": "user", "content": text})
        asks.append(Ask(getattr(battle, side), messages, sampling))
    left, right = ask(*asks)
    return BattleTurn.objects.create(
        battle=battle, number=len(turns) + 1, text=text, left=left, right=right
    )


def _turns(battle: Battle) -> list[BattleTurn]:
    turns = battle.turns.select_related("left__endpoint", "right__endpoint")
    return list(turns.order_by("number"))


def _checked(text: str) -> str:
    text = text.strip()
    if not text or len(text) > LONGEST_QUESTION:
        raise ValidationError(
            _("A question has 1 to %(most)d characters.") % {"most": LONGEST_QUESTION}
        )
    try:
        check_text(text, "The question")
    except CleanJSONError as wrong:
        raise ValidationError(str(wrong)) from None
    return text


def _count(limit: Limit, by: Any) -> None:
    if wait := limit.take(f"user {by.pk}"):
        raise TooFast(
            _("That was quick. Go on in %(minutes)d minutes.") % {"minutes": wait // 60 + 1}
        )


def _check_open(battle: Battle, by: Any) -> None:
    if battle.user_id != by.pk:
        raise ValidationError(_("This is somebody else's battle."))
    if battle.state != BattleState.OPEN:
        raise ValidationError(_("This battle is over. Start another one."))


def _check_answered(turns: list[BattleTurn]) -> None:
    states = [row.state for turn in turns for row in (turn.left, turn.right)]
    if any(state in (GenerationState.FAILED, GenerationState.STOPPED) for state in states):
        raise ValidationError(
            _("A side gave no answer: that is no vote. Ask it again, or start another battle.")
        )
    if any(state != GenerationState.DONE for state in states):
        raise ValidationError(_("The models are still answering."))


def _leaked(battle: Battle, said: dict[str, list[str]]) -> list[str]:
    """Names of the two models that one of them said, or its maker's."""
    names = {battle.left.name, battle.left.model, battle.right.name, battle.right.model} - {""}
    texts = [*said["left"], *said["right"]]
    found = {name for text in texts for name in leaked_names(text, names)}
    if any(names_its_maker(text) for text in texts):
        found.add(NAMED)
    return sorted(name[:100] for name in found)


def _keep(
    battle: Battle,
    turns: list[BattleTurn],
    said: dict[str, list[str]],
    choice: str,
    by: Any,
    key: uuid.UUID,
) -> Any:
    prompt = add_prompt(
        workspace=battle.workspace,
        messages=[{"role": "user", "content": turns[0].text}],
        by=by,
        source=SOURCE,
        follow_ups=[turn.text for turn in turns[1:]],
    )
    sides: dict[str, Completion] = {}
    for side in ("left", "right"):
        first: Generation = getattr(turns[0], side)
        endpoint: ModelEndpoint = getattr(battle, side)
        sides[side] = add_completion(
            prompt=prompt,
            said=said[side],
            generator=endpoint.name,
            settings=kept_settings(first),
            flags=[NAMED] if battle.leaked else [],
        )
    return add_comparison(
        prompt=prompt,
        left=sides["left"],
        right=sides["right"],
        choice=choice,
        by=by,
        key=key,
        pair_probability=battle.pair_probability,
        group=f"arena {battle.key}",
        metadata={"arena": str(battle.key), "turns": len(turns), "leaked": battle.leaked},
    )
