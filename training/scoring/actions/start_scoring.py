"""Have a reward model score the answers of a sampling, or of a trial."""

from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from training.models import Batch, ModelKind, ModelVersion, Scoring, Trial
from training.scoring.unscored import unscored
from webapp.audit.actions.record import record
from webapp.jobs import enqueue


@transaction.atomic
def start_scoring(
    *, reward: ModelVersion, by: Any, batch: Batch | None = None, trial: Trial | None = None
) -> Scoring:
    """Queue the job; asked again, it scores only what has no score yet.

    Raises:
        ValidationError: nothing to score, a model that is none that scores, or it is at it.
    """
    of = batch or trial
    if of is None or (batch is not None and trial is not None):
        raise ValidationError(_("Choose a sampling or a trial."))
    if reward.workspace_id != of.workspace_id or reward.kind != ModelKind.REWARD:
        raise ValidationError(_("A reward model of this workspace is needed."))
    if not reward.ready:
        raise ValidationError(_("The files of %(model)s are missing.") % {"model": reward})
    scoring, _made = Scoring.objects.select_related("job").get_or_create(
        workspace=of.workspace,
        reward=reward,
        batch=batch,
        trial=trial,
        defaults={"created_by": by},
    )
    if scoring.job is not None and not scoring.job.is_finished:
        raise ValidationError(_("%s is scoring these answers already.") % reward)
    if not unscored(scoring).exists():
        raise ValidationError(_("%s has scored every answer that is there.") % reward)
    scoring.job = enqueue(
        kind="score answers",
        owner=by,
        workspace=of.workspace,
        arguments={"scoring_id": scoring.pk},
    )
    scoring.save(update_fields=["job"])
    record(
        actor=by,
        action="answers.score",
        target=scoring,
        workspace=of.workspace,
        changes={"reward": ["", str(reward)]},
    )
    return scoring
