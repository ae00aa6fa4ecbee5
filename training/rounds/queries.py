"""Reads of rounds: the list, one round with all that it leads to, the figures of its board."""

from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from training.models import Round, RoundStep, StepState
from webapp.jobs.models import State
from webapp.workspaces.models import Workspace


def rounds_in(workspace: Workspace) -> QuerySet[Round]:
    """A workspace's rounds, the newest first, with their steps, models and jobs."""
    found = Round.objects.filter(workspace=workspace)
    found = found.select_related(
        *("workspace", "base", "model", "job", "created_by", "previous", "next"),
        *("batch__job", "campaign", "answers__job", "comparison", "board"),
    )
    return found.prefetch_related("steps__job", "policies").order_by("-pk")


def step_at(found: Round) -> RoundStep | None:
    """The first step that is not done, of the steps that were fetched."""
    return next((step for step in found.steps.all() if step.state != StepState.DONE), None)


@dataclass(frozen=True)
class Where:
    """Where a round stands. key: done, paused, failed, stopped, hand, running. kind: of a badge."""

    key: str
    label: str
    kind: str = ""


def where(found: Round) -> Where:
    step = step_at(found)
    if step is None:
        return Where("done", _("Done"), "good")
    if step.state == StepState.FAILED:
        return Where("failed", _("Needs a look"), "bad")
    if found.paused_at is not None:
        return Where("paused", _("Paused"), "warn")
    if found.job is not None and found.job.state in (State.FAILED, State.CANCELLED):
        return Where("stopped", _("Stands still"), "bad")
    if step.state == StepState.WAITING and not step.automatic and not step.asked:
        return Where("hand", _("Waits for you"), "warn")
    return Where("running", _("Under way"), "active")


def done_steps(found: Round) -> int:
    return sum(step.state == StepState.DONE for step in found.steps.all())


def board_change(found: Round) -> list[dict[str, Any]]:
    """Rating and interval of each model before and after the round; the best afterwards first."""
    before, after = _ratings(found.before), _ratings(found.after)
    rows = [
        {"model": name, "before": before.get(name), "after": after.get(name)}
        for name in dict.fromkeys([*after, *before])
    ]
    newest = str(found.model) if found.model is not None else ""
    return [row | {"newest": row["model"] == newest} for row in rows]


def why_not_rated(found: Round) -> str:
    """Why the board after the round has no ratings; empty where it has some."""
    if found.after is None or _ratings(found.after):
        return ""
    reason = _table(found.after).get("reason") or _("Nobody has voted yet.")
    return str(reason)


def _ratings(snapshot: Any) -> dict[str, dict[str, Any]]:
    """Model -> its row in the table of ratings, the best first."""
    return {row["model"]: row for row in _table(snapshot).get("rows", [])}


def _table(snapshot: Any) -> dict[str, Any]:
    if snapshot is None:
        return {}
    content = snapshot.content
    figures = (content.get("sources") or {}).get(content.get("main") or "") or {}
    found: dict[str, Any] = figures.get("ratings") or {}
    return found
