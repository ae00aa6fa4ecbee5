"""A round as its page shows it: a ring of steps, and each step with its links and its words."""

import math
from dataclasses import dataclass, field
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from training.models import Round, RoundStep, Step, StepState
from training.rounds.plan import RoundPlan
from training.rounds.queries import step_at
from training.rounds.standing import Standing
from training.rounds.steps import ACTS

CENTRE, RADIUS, GAP_DEGREES = 80.0, 66.0, 5.0
HELP = {
    Step.SAMPLE: gettext_lazy(
        "The newest and earlier models answer the prompts, at every temperature."
    ),
    Step.OPEN: gettext_lazy("A campaign over these answers; who wrote which is not shown."),
    Step.COLLECT: gettext_lazy("People judge."),
    Step.FREEZE: gettext_lazy("What they said is frozen into a file with a fingerprint."),
    Step.TRAIN: gettext_lazy("The runs of the recipe, one after another."),
    Step.REGISTER: gettext_lazy("The new model is registered and can be asked."),
    Step.ANSWER: gettext_lazy("It and the earlier models answer the board's prompts."),
    Step.COMPARE: gettext_lazy("People compare them, blind."),
    Step.BOARD: gettext_lazy("The board after the round, beside the one before."),
}
GROUPS = (
    ("people", (Step.SAMPLE, Step.OPEN, Step.COLLECT)),
    ("machine", (Step.FREEZE, Step.TRAIN, Step.REGISTER)),
    ("board", (Step.ANSWER, Step.COMPARE, Step.BOARD)),
)


@dataclass
class ShownStep:
    row: RoundStep
    number: int
    help: str
    links: list[tuple[str, str]] = field(default_factory=list)
    standing: Standing = field(default_factory=Standing)
    here: bool = False
    action: str = ""  # what a person's button says, empty where there is none


def shown_steps(found: Round) -> list[ShownStep]:
    """All steps; the one at hand with what it waits for."""
    current = step_at(found)
    links = _links(found)
    shown = []
    for number, row in enumerate(found.steps.all(), start=1):
        step = ShownStep(row, number, str(HELP[Step(row.step)]), links.get(row.step, []))
        if current is not None and row.pk == current.pk:
            step.here = True
            step.standing = _standing(found, row)
            step.action = _action(found, row)
        shown.append(step)
    return shown


def groups(steps: list[ShownStep]) -> list[dict[str, Any]]:
    """The steps under three headings."""
    labels = {"people": _("People"), "machine": _("Training"), "board": _("Board")}
    return [
        {"key": key, "label": labels[key], "steps": [s for s in steps if s.row.step in members]}
        for key, members in GROUPS
    ]


def _standing(found: Round, row: RoundStep) -> Standing:
    if row.state == StepState.FAILED:
        return Standing(error=row.error)
    if row.state == StepState.RUNNING:
        return ACTS[row.step].look(found, row, RoundPlan.from_json(found.plan))
    if not row.automatic and not row.asked:
        return Standing(words=_("Waits for you to begin it."))
    if found.paused_at is not None:
        return Standing(words=_("Begins when the round goes on."))
    return Standing(words=_("Begins in a moment."))


def _action(found: Round, row: RoundStep) -> str:
    if row.state == StepState.FAILED:
        return _("Try again")
    if row.state == StepState.RUNNING and ACTS[row.step].people:
        return "" if row.asked else _("Go on with what is there")
    by_hand = not row.automatic or found.paused_at is not None
    if row.state == StepState.WAITING and not row.asked and by_hand:
        return _("Begin this step")
    return ""


def _links(found: Round) -> dict[str, list[tuple[str, str]]]:
    slug = found.workspace.slug

    def link(label: str, route: str, pk: Any) -> list[tuple[str, str]]:
        return [(label, reverse(route, args=[slug, pk]))] if pk else []

    campaign = link(str(found.campaign), "annotation:campaign", found.campaign_id)
    links = {
        Step.SAMPLE.value: link(_("Sampled answers"), "training:sampling", found.batch_id),
        Step.OPEN.value: campaign,
        Step.COLLECT.value: campaign,
        Step.REGISTER.value: link(str(found.model), "training:model", found.model_id),
        Step.ANSWER.value: link(_("Sampled answers"), "training:sampling", found.answers_id),
        Step.COMPARE.value: link(str(found.comparison), "annotation:campaign", found.comparison_id),
        Step.BOARD.value: link(str(found.board), "annotation:board", found.board_id),
    }
    links[Step.FREEZE.value] = [
        one
        for each in found.snapshots.select_related("snapshot")
        for one in link(each.snapshot.name, "training:snapshot", each.snapshot_id)
    ]
    links[Step.TRAIN.value] = [
        one
        for each in found.runs.select_related("run")
        for one in link(each.run.name, "training:run", each.run_id)
    ]
    return links


def ring(steps: list[ShownStep]) -> list[dict[str, Any]]:
    """The arcs of the picture: path, state, and where the number stands."""
    each = 360.0 / len(steps)
    arcs = []
    for place, step in enumerate(steps):
        start, end = place * each + GAP_DEGREES / 2, (place + 1) * each - GAP_DEGREES / 2
        x1, y1 = _at(start, RADIUS)
        x2, y2 = _at(end, RADIUS)
        x, y = _at((start + end) / 2, RADIUS)
        arcs.append(
            {
                "path": f"M{x1:.1f},{y1:.1f} A{RADIUS:g},{RADIUS:g} 0 0 1 {x2:.1f},{y2:.1f}",
                "state": step.row.state,
                "here": step.here,
                "number": step.number,
                "key": step.row.step,
                "x": f"{x:.1f}",
                "y": f"{y:.1f}",
            }
        )
    return arcs


def _at(degrees: float, radius: float) -> tuple[float, float]:
    """A point of the circle; 0 is above, and it goes with the clock."""
    angle = math.radians(degrees - 90.0)
    return CENTRE + radius * math.cos(angle), CENTRE + radius * math.sin(angle)
