"""The three steps in the middle: freeze what people said, train, register the new model."""

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from annotation.judgement_filter import JudgementFilter
from training.actions.endpoint import endpoint_of_version
from training.actions.freeze_snapshot import freeze_snapshot
from training.actions.launch_recipe import launch_recipe
from training.models import (
    DatasetSnapshot,
    ModelVersion,
    Round,
    RoundRun,
    RoundSnapshot,
    RoundStep,
    SnapshotKind,
    SnapshotState,
    TrainingRun,
    VersionState,
)
from training.presets import preset_for, preset_named
from training.rounds.plan import RoundPlan
from training.rounds.standing import Standing, free_name, of_job
from webapp.jobs.queries import Outlook


def campaigns_so_far(found: Round, plan: RoundPlan) -> tuple[int, ...]:
    """Whose judgements this round learns from."""
    rounds = Round.objects.filter(
        workspace=found.workspace, name=found.name, number__lte=found.number
    )
    if plan.data == "round":
        rounds = rounds.filter(pk=found.pk)
    return tuple(rounds.exclude(campaign=None).order_by("pk").values_list("campaign", flat=True))


def chosen_for(found: Round, plan: RoundPlan, kind: str) -> JudgementFilter:
    if kind == SnapshotKind.PREFERENCE:
        campaigns = campaigns_so_far(found, plan)
        if not campaigns:
            raise ValidationError(_("No round has a campaign to learn from."))
        return JudgementFilter(kinds=("comparison", "ranking"), campaigns=campaigns)
    if kind == SnapshotKind.PROMPT_COMPLETION:
        return JudgementFilter(kinds=("demonstration",))
    return JudgementFilter(prompts=plan.prompts or None)


# ---- snapshot


def begin_freeze(found: Round, step: RoundStep, plan: RoundPlan) -> None:
    snapshots = DatasetSnapshot.objects.filter(workspace=found.workspace)
    for kind in plan.chosen_recipe.needs():
        if kind == SnapshotKind.PROMPT_COMPLETION and plan.demonstrations is not None:
            given = snapshots.filter(pk=plan.demonstrations, state=SnapshotState.READY).first()
            if given is None:
                raise ValidationError(_("The snapshot of demonstrations is gone."))
        else:
            label = str(SnapshotKind(kind).label).lower()
            given = freeze_snapshot(
                workspace=found.workspace,
                by=found.created_by,
                name=free_name(snapshots, f"{found}, {label}"),
                plan=plan.export(kind),
                chosen=chosen_for(found, plan, kind),
            )
        RoundSnapshot.objects.create(round=found, kind=kind, snapshot=given)


def look_at_freeze(found: Round, step: RoundStep, plan: RoundPlan) -> Standing:
    kept = [each.snapshot for each in found.snapshots.select_related("snapshot__job")]
    if not kept:
        return Standing(error=_("The snapshots are gone. Try the step again."))
    waiting = [
        of_job(snapshot.job, _("The rows are being written."))
        for snapshot in kept
        if not snapshot.ready
    ]
    failed = next((each for each in waiting if each.error), None)
    return failed or next((each for each in waiting if not each.done), Standing(done=True))


# ---- training


def begin_train(found: Round, step: RoundStep, plan: RoundPlan) -> None:
    size = found.base.facts.get("parameters")
    preset = preset_named(plan.preset) or (preset_for(float(size)) if size else None)
    frozen = found.snapshots.select_related("snapshot")
    runs = launch_recipe(
        workspace=found.workspace,
        by=found.created_by,
        recipe=plan.chosen_recipe,
        name=f"{found.name}-{found.number}",
        base=found.base,
        data={each.kind: each.snapshot for each in frozen},
        preset=preset,
        seed=plan.seed,
        configs=plan.configs,
        result_name=plan.result,
    )
    RoundRun.objects.bulk_create(
        RoundRun(round=found, position=position, run=run) for position, run in enumerate(runs)
    )


def runs_of(found: Round) -> list[TrainingRun]:
    return [each.run for each in found.runs.select_related("run__job", "run__created_by")]


def look_at_train(found: Round, step: RoundStep, plan: RoundPlan) -> Standing:
    runs = runs_of(found)
    if not runs:
        return Standing(error=_("The runs are gone. Try the step again."))
    for run in runs:
        if run.state == "done":
            continue
        if run.may_be_resumed:
            why = run.sentence or (run.job.error if run.job else "") or _("It was stopped.")
            return Standing(error=f"{run.name}: {why}")
        return _moving(run)
    return Standing(done=True)


def _moving(run: TrainingRun) -> Standing:
    reason = Outlook().reason(run.job) if run.job is not None else ""
    doing = run.phase or _("Waits for the run before it.") if run.job is None else run.phase
    words = reason or doing or _("The run is beginning.")
    have, want = (run.step, run.total) if run.total else (None, None)
    return Standing(words=f"{run.name}: {words}", have=have, want=want)


# ---- model


def begin_register(found: Round, step: RoundStep, plan: RoundPlan) -> None:
    """The trainers' jobs registered them; the round takes them up, and they can be asked. The next
    round goes on from the last run's."""
    for version in beside(found, plan):
        endpoint_of_version(version=version, by=found.created_by)
    found.model = _left_by(runs_of(found)[-1])
    endpoint_of_version(version=found.model, by=found.created_by)


def beside(found: Round, plan: RoundPlan) -> list[ModelVersion]:
    """The other models that the recipe is about."""
    runs = runs_of(found)
    return [_left_by(runs[number]) for number in plan.chosen_recipe.beside if number < len(runs)]


def _left_by(run: TrainingRun) -> ModelVersion:
    version = ModelVersion.objects.filter(run=run, state=VersionState.READY).first()
    if version is None:
        raise ValidationError(
            _("The run %s left no model that is ready. Look at its page.") % run.name
        )
    return version


def look_at_register(found: Round, step: RoundStep, plan: RoundPlan) -> Standing:
    return Standing(done=found.model_id is not None)
