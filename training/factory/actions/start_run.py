"""Begin a run of a wizard: its seeds, its settings, and the job that asks the model."""

from dataclasses import dataclass, field
from decimal import Decimal
from itertools import chain
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from annotation.models import Prompt
from annotation.prompt_filter import PromptFilter
from training.factory.job_kinds import KIND, KIND_WITH_MODELS
from training.factory.plan import Settings
from training.factory.seeds import requests_of, tasks_of
from training.models import (
    Batch,
    FactoryRun,
    FactorySeed,
    FactorySettings,
    ModelEndpoint,
    SeedRole,
    Wizard,
)
from webapp.audit.actions.record import record
from webapp.jobs import enqueue
from webapp.jobs.models import Job
from webapp.workspaces.models import Workspace

LONGEST_NAME = 100
FEWEST_SEEDS = 1


@dataclass(frozen=True)
class RunPlan:
    """seeds, look_alikes: which prompts; look-alikes are for safe responses alone."""

    name: str
    endpoint: ModelEndpoint
    settings: Settings
    seeds: PromptFilter = field(default_factory=PromptFilter)
    look_alikes: PromptFilter | None = None
    budget: Decimal | None = None
    licence: str = ""


@transaction.atomic
def start_run(*, workspace: Workspace, by: Any, kind: str, plan: RunPlan) -> FactoryRun:
    """Queue the first requests' job.

    Raises:
        ValidationError: everything that is wrong with it, as sentences.
    """
    name = " ".join(plan.name.split())
    _check(workspace, name, plan)
    seeds = _seeds(workspace, kind, plan)
    if sum(seed.role == SeedRole.SEED for seed in seeds) < FEWEST_SEEDS:
        raise ValidationError(
            _("The filter finds no prompt to begin with. Import seeds first, or widen the filter.")
        )
    batch = Batch.objects.create(
        workspace=workspace, name=name, purpose=kind, budget=plan.budget, created_by=by
    )
    run = FactoryRun.objects.create(
        workspace=workspace,
        kind=kind,
        name=name,
        endpoint=plan.endpoint,
        batch=batch,
        chosen={
            "seeds": plan.seeds.as_json(),
            "look_alikes": plan.look_alikes.as_json() if plan.look_alikes else None,
        },
        licence=plan.licence[:100],
        created_by=by,
    )
    for position, seed in enumerate(seeds):
        seed.run, seed.position = run, position
    FactorySeed.objects.bulk_create(seeds, batch_size=500)
    FactorySettings.objects.create(run=run, version=1, values=plan.settings.as_json(), by=by)
    run.job = queue_job(run, by)
    run.save(update_fields=["job"])
    record(
        actor=by,
        action="factory.start",
        target=run,
        workspace=workspace,
        changes={"model": ["", plan.endpoint.name], "seeds": [0, len(seeds)]},
    )
    return run


def queue_job(run: FactoryRun, by: Any) -> Job:
    """The job that asks the model what is to be asked; in the caller's transaction."""
    return enqueue(
        kind=KIND_WITH_MODELS if run.endpoint.is_local else KIND,
        owner=by,
        workspace=run.workspace,
        arguments={"run_id": run.pk},
    )


def _check(workspace: Workspace, name: str, plan: RunPlan) -> None:
    problems = []
    if not 0 < len(name) <= LONGEST_NAME:
        problems.append(_("The name has 1 to %d characters.") % LONGEST_NAME)
    elif FactoryRun.objects.filter(workspace=workspace, name=name).exists():
        problems.append(_("There is a run named “%s” already. Choose another name.") % name)
    if plan.endpoint.workspace_id != workspace.pk or plan.endpoint.retired_at is not None:
        problems.append(_("Choose a model of this workspace that can be asked."))
    if plan.budget is not None and plan.budget < 0:
        problems.append(_("A budget is not negative."))
    if problems:
        raise ValidationError(problems)


def _seeds(workspace: Workspace, kind: str, plan: RunPlan) -> list[FactorySeed]:
    prompts = Prompt.objects.filter(workspace=workspace)
    if kind == Wizard.SELF_INSTRUCT:
        return list(tasks_of(plan.seeds.apply(prompts)))
    found = list(requests_of(plan.seeds.apply(prompts), SeedRole.SEED))
    if plan.look_alikes is None:
        return found
    harmful = {seed.text for seed in found}
    others = requests_of(plan.look_alikes.apply(prompts), SeedRole.LOOK_ALIKE)
    return list(chain(found, (seed for seed in others if seed.text not in harmful)))
