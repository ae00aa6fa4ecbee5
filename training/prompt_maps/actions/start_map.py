"""Ask for a map: a row and the job that draws it."""

import json
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from training.models import PromptMap
from training.prompt_maps.plan import MapPlan
from webapp.audit.actions.record import record
from webapp.jobs import enqueue
from webapp.jobs.models import State
from webapp.workspaces.models import Workspace

KIND, KIND_WITH_WEIGHTS = "prompt map", "prompt map with models"


@transaction.atomic
def start_map(*, workspace: Workspace, by: Any, plan: MapPlan) -> PromptMap:
    """
    Raises:
        ValidationError: everything that is wrong with it, as sentences.
    """
    plan.check(workspace)
    try:
        with transaction.atomic():
            row = PromptMap.objects.create(
                workspace=workspace,
                name=plan.name,
                version=plan.version,
                sets=[one.as_json() for one in plan.sets],
                perplexity=plan.perplexity,
                seed=plan.seed,
                most=plan.most,
                created_by=by if getattr(by, "pk", None) else None,
            )
    except IntegrityError:
        raise ValidationError(
            _("There is already a map named “%s”. Choose another name.") % plan.name
        ) from None
    row.job = enqueue(
        # A table of token vectors needs no GPU, and must not wait for one.
        kind=KIND if plan.version.facts.get("static") else KIND_WITH_WEIGHTS,
        owner=by,
        workspace=workspace,
        arguments={"map_id": row.pk},
    )
    row.save(update_fields=["job"])
    names = json.dumps(row.set_names, ensure_ascii=False)
    record(
        actor=by,
        action="prompt_map.start",
        target=row,
        workspace=workspace,
        changes={"sets": ["", names], "model": ["", str(plan.version)]},
    )
    return row


@transaction.atomic
def delete_map(*, row: PromptMap, by: Any) -> None:
    """Its points go with it; prompts, tags and embeddings stay.

    Raises:
        ValidationError: its job is at work.
    """
    locked = PromptMap.objects.select_for_update(of=("self",)).select_related("job").get(pk=row.pk)
    if locked.job is not None and locked.job.state in (State.QUEUED, State.RUNNING):
        raise ValidationError(_("The map is being drawn. Cancel its job first."))
    record(actor=by, action="prompt_map.delete", target=locked, workspace=locked.workspace)
    locked.delete()
