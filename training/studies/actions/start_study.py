"""Declare a study and launch its runs: all of them, or none."""

from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from training.actions.launch import LaunchPlan, launch
from training.models import Study, StudyRun
from training.names import check_name
from training.snapshot_parts import LARGEST_DRAW, Part
from training.studies.plan import FEWEST, LONGEST_NAME, METHODS, MOST, StudyPlan, run_name
from webapp.audit.actions.record import record
from webapp.workspaces.models import Workspace


@transaction.atomic
def start_study(*, workspace: Workspace, by: Any, plan: StudyPlan) -> Study:
    """
    Raises:
        ValidationError: everything that is wrong with it, as sentences.
    """
    _check(workspace, plan)
    try:
        with transaction.atomic():
            study = Study.objects.create(
                workspace=workspace,
                name=plan.name,
                method=plan.method,
                snapshot=plan.snapshot,
                base=plan.base,
                draw=plan.draw,
                created_by=by if getattr(by, "pk", None) else None,
            )
    except IntegrityError:
        raise ValidationError(
            _("There is already a study named “%s”. Choose another name.") % plan.name
        ) from None
    for rows in sorted(plan.sizes):
        run = launch(
            workspace=workspace,
            by=by,
            plan=LaunchPlan(
                name=run_name(plan.name, rows),
                method=plan.method,
                models={"base": plan.base},
                data={"train": plan.snapshot},
                part=Part(rows, plan.draw),
                config={**plan.config, "seed": plan.draw},
            ),
        )
        StudyRun.objects.create(study=study, rows=rows, run=run)
    record(
        actor=by,
        action="study.start",
        target=study,
        workspace=workspace,
        changes={"sizes": [[], sorted(plan.sizes)], "method": ["", plan.method]},
    )
    return study


def _check(workspace: Workspace, plan: StudyPlan) -> None:
    check_name(plan.name)
    problems: list[str] = []
    if len(plan.name) > LONGEST_NAME:
        problems.append(_("The name of a study has at most %d characters.") % LONGEST_NAME)
    if plan.method not in METHODS:
        problems.append(
            _("The method is “%(method)s”. Allowed: %(allowed)s.")
            % {"method": plan.method[:40], "allowed": ", ".join(METHODS)}
        )
    if plan.snapshot.workspace_id != workspace.pk or not plan.snapshot.ready:
        problems.append(_("Choose a frozen snapshot of this workspace."))
    if len(set(plan.sizes)) != len(plan.sizes) or not FEWEST <= len(plan.sizes) <= MOST:
        problems.append(
            _("Give %(least)d to %(most)d different sizes.") % {"least": FEWEST, "most": MOST}
        )
    rows = plan.snapshot.splits.get("train", 0)
    if not all(1 <= size <= rows for size in plan.sizes):
        problems.append(
            _("The snapshot has %(rows)d training rows; each size lies between 1 and that.")
            % {"rows": rows}
        )
    if not plan.snapshot.splits.get("validation"):
        problems.append(
            _("The snapshot has no validation rows to measure by. Freeze one that has some.")
        )
    if not 0 <= plan.draw <= LARGEST_DRAW:
        problems.append(_("The seed lies between 0 and %d.") % LARGEST_DRAW)
    if problems:
        raise ValidationError(problems)
