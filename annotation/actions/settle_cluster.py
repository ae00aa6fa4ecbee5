"""Decide about near duplicates: keep all, retire all but one, or merge all into one."""

from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q, Value
from django.db.models.functions import Concat, Left
from django.utils import timezone
from django.utils.translation import gettext as _

from annotation.actions.edit_prompts import AT_ONCE, change, finish
from annotation.models import (
    Assignment,
    Comparison,
    Completion,
    Demonstration,
    DuplicateCluster,
    Item,
    ItemCompletion,
    Marking,
    Prompt,
    PromptEdit,
    PromptMerge,
    Ranking,
    RankingEntry,
    Rating,
)
from annotation.models.assignments import AssignmentState
from annotation.prompt_filter import PromptFilter
from webapp.audit.actions.record import record

State = DuplicateCluster.State
MOVED = (Completion, Comparison, Ranking, Demonstration, Rating, Marking, Item)


@transaction.atomic
def settle_cluster(
    *, cluster: DuplicateCluster, by: Any, decision: str, keep: int | None = None
) -> DuplicateCluster:
    """Write a person's decision down and act on it.

    kept: nothing changes, and a later search leaves these prompts together out. retired: all but
    `keep` are retired. merged: everything of the others (answers, judgements, items of campaigns)
    moves to `keep`, then they are retired. Nothing is deleted; undo_settlement takes it back.

    Raises:
        ValidationError: decided already, no such prompt to keep, more than 500 members, or
            somebody is at work on one of the prompts to be merged.
    """
    cluster = DuplicateCluster.objects.select_for_update(of=("self",)).get(pk=cluster.pk)
    if cluster.state != State.OPEN:
        raise ValidationError(_("These duplicates are settled already. Take that back first."))
    if decision not in (State.KEPT, State.RETIRED, State.MERGED):
        raise ValidationError(_("Decide for one of: kept, retired, merged."))
    if decision != State.KEPT:
        _one_stays(cluster, by, decision, keep)
        cluster.kept_id = keep
    cluster.state, cluster.settled_by, cluster.settled_at = decision, by, timezone.now()
    cluster.save()
    record(
        actor=by,
        action="prompts.settle",
        target=cluster,
        workspace=cluster.search.workspace,
        changes={"state": [State.OPEN, decision], "kept": [None, keep]},
    )
    return cluster


def _one_stays(cluster: DuplicateCluster, by: Any, decision: str, keep: int | None) -> None:
    members = list(cluster.members.order_by("prompt_id").values_list("prompt_id", flat=True))
    if keep not in members:
        raise ValidationError(_("Choose which of these prompts stays."))
    if len(members) > AT_ONCE:
        raise ValidationError(
            _(
                "%d prompts are too many to settle at once. Open them in the browser and retire "
                "those that should go."
            )
            % len(members)
        )
    others = [key for key in members if key != keep]
    if decision == State.MERGED:
        locked = {
            row.pk: row
            for row in Prompt.objects.select_for_update().filter(pk__in=members).order_by("pk")
        }
        _nobody_at_work(others)
        for key in others:
            _merge(cluster, locked[keep], locked[key], by)
    edit = PromptEdit.objects.create(
        workspace=cluster.search.workspace,
        by=by,
        kind=PromptEdit.Kind.RETIRE,
        filter=PromptFilter(clusters=(cluster.pk,), retired="any").as_json(),
    )
    change(edit, others)
    finish(edit)


def _nobody_at_work(prompts: list[int]) -> None:
    """A judgement that is being made names the prompt it was handed with: none may be under way."""
    held = Assignment.objects.select_for_update(of=("self",)).filter(
        item__prompt__in=prompts, state__in=(AssignmentState.OPEN, AssignmentState.LEASED)
    )
    if any(row.state == AssignmentState.LEASED for row in held.order_by("pk")):
        raise ValidationError(
            _(
                "Somebody is at work on one of these prompts. Try again when they are done, or "
                "retire instead of merging."
            )
        )


def _merge(cluster: DuplicateCluster, kept: Prompt, merged: Prompt, by: Any) -> None:
    moved: dict[str, list[int]] = {}
    for model in MOVED:
        rows = model._default_manager.filter(prompt=merged)
        ids = list(rows.order_by("pk").values_list("pk", flat=True))
        if not ids:
            continue
        if model is Completion:
            moved["renamed"] = _make_room(kept, merged)
        rows.update(prompt=kept)
        moved[str(model._meta.model_name)] = ids
    PromptMerge.objects.create(cluster=cluster, kept=kept, merged=merged, moved=moved, by=by)


def _make_room(kept: Prompt, merged: Prompt) -> list[int]:
    """An answer is once under a prompt: the same one of the other prompt gets a source id of its
    own, so that it and what was said about it stay as they are. Returns the ids of these."""
    same = [
        answer.pk
        for answer in Completion.objects.filter(prompt=merged)
        if Completion.objects.filter(
            prompt=kept,
            generator=answer.generator,
            text_hash=bytes(answer.text_hash),
            source_id=answer.source_id,
        ).exists()
    ]
    mark = _mark(merged)
    Completion.objects.filter(pk__in=same).update(
        source_id=Concat(Left("source_id", 200 - len(mark)), Value(mark)),
    )
    return same


def _mark(merged: Prompt) -> str:
    return f" (prompt {merged.pk})"


@transaction.atomic
def undo_settlement(*, cluster: DuplicateCluster, by: Any) -> DuplicateCluster:
    """Open again what was decided: what was merged goes back, what was retired is in use again.

    What came to the kept prompt since stays there.

    Raises:
        ValidationError: nothing was decided, or somebody is at work on the kept prompt.
    """
    cluster = DuplicateCluster.objects.select_for_update(of=("self",)).get(pk=cluster.pk)
    if cluster.state == State.OPEN:
        raise ValidationError(_("Nothing was decided about these prompts yet."))
    if cluster.state != State.KEPT:
        others = cluster.members.exclude(prompt=cluster.kept_id).values_list("prompt_id", flat=True)
        merges = cluster.merges.filter(undone_at__isnull=True).select_related("merged")
        if cluster.kept_id and merges:
            _nobody_at_work([cluster.kept_id])
        for merge in merges:
            _take_apart(merge)
        edit = PromptEdit.objects.create(
            workspace=cluster.search.workspace,
            by=by,
            kind=PromptEdit.Kind.RESTORE,
            filter=PromptFilter(clusters=(cluster.pk,), retired="any").as_json(),
        )
        change(edit, list(others))
        finish(edit)
    before = cluster.state
    cluster.state, cluster.kept, cluster.settlement = State.OPEN, None, None
    cluster.settled_by, cluster.settled_at = None, None
    cluster.save()
    record(
        actor=by,
        action="prompts.unsettle",
        target=cluster,
        workspace=cluster.search.workspace,
        changes={"state": [before, State.OPEN]},
    )
    return cluster


def _take_apart(merge: PromptMerge) -> None:
    """Raises ValidationError where newer work has put the answers of both prompts together."""
    items = merge.moved.get("item", [])
    for model in MOVED:
        its_own = Q(pk__in=merge.moved.get(str(model._meta.model_name), []))
        if model not in (Completion, Item):  # what was said since about an item goes with the item
            its_own |= Q(assignment__item__in=items)
        rows = model._default_manager.filter(its_own, prompt=merge.kept_id)
        rows.update(prompt=merge.merged)
    answers = merge.moved.get("completion", [])
    mixed = (
        Comparison.objects.filter(Q(left__in=answers) | Q(right__in=answers), prompt=merge.kept_id),
        RankingEntry.objects.filter(completion__in=answers, ranking__prompt=merge.kept_id),
        Rating.objects.filter(completion__in=answers, prompt=merge.kept_id),
        ItemCompletion.objects.filter(completion__in=answers, item__prompt=merge.kept_id),
    )
    if any(rows.exists() for rows in mixed):
        raise ValidationError(
            _(
                "Since the merge, answers of both prompts were shown or judged together. The merge "
                "cannot be taken back without losing that work."
            )
        )
    mark = _mark(merge.merged)
    for answer in Completion.objects.filter(pk__in=merge.moved.get("renamed", [])):
        answer.source_id = answer.source_id.removesuffix(mark)
        answer.save(update_fields=["source_id"])
    merge.undone_at = timezone.now()
    merge.save(update_fields=["undone_at"])
