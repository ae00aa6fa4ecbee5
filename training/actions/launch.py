"""Start a training run, or the runs of a recipe that follow one another."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from training.models import (
    DatasetSnapshot,
    Method,
    ModelKind,
    ModelVersion,
    Purpose,
    RunData,
    RunModel,
    TrainingRun,
)
from training.names import check_name
from training.snapshot_parts import LARGEST_DRAW, Part
from training.trainers.outcome import BadInput
from training.trainers.run_config import NEEDS, NEEDS_REWARD_MODEL, parse_config
from webapp.audit.actions.record import record
from webapp.jobs import enqueue

# What a role of run.json is called there, and what kind of model it takes.
MODEL_ROLES = {
    "base": ("model", ModelKind.POLICY),
    "reference": ("reference", ModelKind.POLICY),
    "reward": ("reward_model", ModelKind.REWARD),
    "value": ("value_model", ModelKind.REWARD),
}
# An adapter is merged into the model of the role that it is for.
ADAPTER_ROLES = {"adapter": "base", "reward_adapter": "reward"}
LEARNED_ROLES = ("train", "prompts")  # the others are there as a whole, whatever part is learned
Source = ModelVersion | TrainingRun  # a model that is there, or the run that will make it


@dataclass(frozen=True)
class LaunchPlan:
    """What a person says on the launch page.

    `models`: role (base, reference, reward, value, adapter, reward_adapter) -> where it comes from;
    `data`: role (train, prompts, demonstrations, ptx) -> snapshot; `part`: of what it learns from,
    all of it if none is named; `config`: the rest of run.json: seed, lora, training, settings ...
    """

    name: str
    method: str
    models: Mapping[str, Source]
    data: Mapping[str, DatasetSnapshot]
    config: Mapping[str, Any] = field(default_factory=dict)
    part: Part | None = None
    result_name: str = ""
    purpose: str = Purpose.RUN
    cloned_from: TrainingRun | None = None


def resolved(plan: LaunchPlan) -> dict[str, Any]:
    """The run.json of a plan, every default filled in. Paths are names until it runs somewhere.

    Raises:
        ValidationError: a list of everything that is wrong with it.
    """
    given = {**plan.config, "method": plan.method}
    for role, source in plan.models.items():
        if isinstance(source, TrainingRun):
            point_to(given, role, f"run:{source.name}", "")
        else:
            point_to(given, role, f"model:{source}", source.sha256)
    given["data"] = []
    for role, snapshot in plan.data.items():
        for split, as_role in _splits(plan.method, role, snapshot):
            part = plan.part if as_role in LEARNED_ROLES else None
            path = data_path(as_role, snapshot.pk, split, part)
            given["data"].append({"role": as_role, "path": path, "kind": snapshot.kind})
    if plan.purpose == Purpose.REHEARSAL:
        given = rehearsed(given)
    try:
        config: dict[str, Any] = msgspec.to_builtins(parse_config(given))
    except BadInput as refused:
        raise ValidationError(refused.problems) from None
    return config


def point_to(config: dict[str, Any], role: str, path: str, sha256: str) -> None:
    """Write into a run.json where the model or adapter of a role lies."""
    if role in ADAPTER_ROLES:
        place, told = ADAPTER_ROLES[role], {"adapter": path, "adapter_sha256": sha256}
    else:
        place, told = role, {"path": path, "sha256": sha256}
    name = MODEL_ROLES[place][0]
    config[name] = {**(config.get(name) or {}), **told}


def data_path(role: str, snapshot: int, split: str, part: Part | None) -> str:
    """The file that a run reads; its name says all that it takes to write it anywhere."""
    of_part = f"-{part.rows}-{part.draw}" if part is not None else ""
    return f"inputs/{role}-{snapshot}-{split}{of_part}.jsonl"


def read_data_path(path: str) -> tuple[int, str, Part | None]:
    """(id of the snapshot, split, part) back from data_path()."""
    _role, snapshot, split, *part = Path(path).stem.split("-")
    return int(snapshot), split, Part(*map(int, part)) if part else None


def rehearsed(given: dict[str, Any]) -> dict[str, Any]:
    """The same for one step of everything: sampling, learning, evaluating, saving, exporting."""
    short = {"max_steps": 1, "save_every": 1, "eval_every": 0, "log_every": 1}
    settings = {**given.get("settings", {})}
    for name in ("updates", "iterations"):
        if name in settings:
            settings[name] = 1
    if given["method"] in ("ppo", "reinforce", "rloo"):
        settings["updates"] = 1
    elif given["method"] == "raft":
        settings |= {"iterations": 1, "prompts_per_iteration": 4}
    return {**given, "training": {**given.get("training", {}), **short}, "settings": settings}


def _splits(method: str, role: str, snapshot: DatasetSnapshot) -> list[tuple[str, str]]:
    """(split of the snapshot, role in run.json): the validation split validates."""
    found = [("train", role)]
    has_rows = snapshot.splits.get("validation", 0) > 0
    if has_rows and role in ("train", "prompts") and "validation" in NEEDS[method]:
        found.append(("validation", "validation"))
    return found


@transaction.atomic
def launch(*, workspace: Any, by: Any, plan: LaunchPlan) -> TrainingRun:
    """Make the run and queue its job; one that waits for another run is queued by that.

    Raises:
        ValidationError: everything that is wrong with the plan, as sentences.
    """
    check_plan(workspace, plan)
    config = resolved(plan)
    run = TrainingRun.objects.create(
        workspace=workspace,
        name=plan.name,
        purpose=plan.purpose,
        method=plan.method,
        config=config,
        result_name=plan.result_name or plan.name,
        cloned_from=plan.cloned_from,
        created_by=by,
    )
    RunData.objects.bulk_create(
        RunData(run=run, role=role, snapshot=snapshot) for role, snapshot in plan.data.items()
    )
    for role, source in plan.models.items():
        made_by = source if isinstance(source, TrainingRun) else None
        version = source if isinstance(source, ModelVersion) else None
        RunModel.objects.create(run=run, role=role, version=version, made_by=made_by)
    record(actor=by, action="run.launch", target=run, workspace=workspace)
    return queue_if_ready(run)


def queue_if_ready(run: TrainingRun) -> TrainingRun:
    """Queue the run's job once every model that it needs is there. In the caller's transaction."""
    if run.job_id is None and not run.models.filter(version__isnull=True).exists():
        kind = "train" if run.purpose == Purpose.RUN else "rehearse training"
        run.job = enqueue(
            kind=kind, owner=run.created_by, workspace=run.workspace, arguments={"run_id": run.pk}
        )
        run.save(update_fields=["job"])
    return run


def start_awaiting(run: TrainingRun, version: ModelVersion) -> None:
    """Give the model that `run` made to the runs that wait for it. In the caller's transaction."""
    awaited = RunModel.objects.filter(made_by=run, version__isnull=True)
    waiting = set(awaited.values_list("run", flat=True))
    awaited.update(version=version)
    for follower in TrainingRun.objects.filter(pk__in=waiting).select_related("workspace"):
        for use in follower.models.filter(made_by=run):
            point_to(follower.config, use.role, f"model:{version}", version.sha256)
        follower.save(update_fields=["config"])
        queue_if_ready(follower)


def check_plan(workspace: Any, plan: LaunchPlan) -> None:
    """What parse_config cannot know: names, and what lies in the workspace.

    Raises:
        ValidationError: everything that is wrong, as sentences.
    """
    check_name(plan.name)
    check_name(plan.result_name or plan.name)
    problems = []
    if plan.method not in Method.values:
        raise ValidationError(
            _("The method is “%(method)s”. Allowed: %(allowed)s.")
            % {"method": plan.method[:40], "allowed": ", ".join(Method.values)}
        )
    if TrainingRun.objects.filter(workspace=workspace, name=plan.name).exists():
        problems.append(
            _("There is a run of the name %(name)s already. Choose another.") % {"name": plan.name}
        )
    if "base" not in plan.models:
        problems.append(_("Choose the model to begin from."))
    if plan.method in NEEDS_REWARD_MODEL and "reward" not in plan.models:
        problems.append(
            _("%(method)s needs a reward model. Choose one, or train one first.")
            % {"method": Method(plan.method).label}
        )
    for role, source in plan.models.items():
        if role in ADAPTER_ROLES:
            problems += _adapter_problems(workspace, plan, role, source)
        else:
            problems += _model_problems(workspace, plan, role, source)
    for role, snapshot in plan.data.items():
        problems += _data_problems(workspace, plan, role, snapshot)
    if plan.part is not None:
        problems += _part_problems(plan.part)
    if problems:
        raise ValidationError(problems)


def _part_problems(part: Part) -> list[str]:
    if part.rows >= 1 and 0 <= part.draw <= LARGEST_DRAW:
        return []
    return [
        _("A part of the data has 1 row or more, and its draw is a number from 0 to %(most)d.")
        % {"most": LARGEST_DRAW}
    ]


def _model_problems(workspace: Any, plan: LaunchPlan, role: str, source: Source) -> list[str]:
    if source.workspace_id != workspace.pk:
        return [_("A model that was chosen is not of this workspace.")]
    if isinstance(source, TrainingRun):
        return []
    wanted = MODEL_ROLES[role][1]
    may_be = {wanted}
    if plan.method == Method.REWARD and role == "base":
        may_be.add(ModelKind.REWARD)  # a reward model may learn on
    if role == "reward" and "reward_adapter" in plan.models:
        may_be.add(ModelKind.POLICY)  # the head comes with the adapter
    if source.kind not in may_be:
        return [
            _("%(model)s is a %(kind)s; as %(role)s a %(wanted)s is needed.")
            % {
                "model": source,
                "kind": source.get_kind_display().lower(),
                "role": role,
                "wanted": str(wanted.label).lower(),
            }
        ]
    if not source.ready:
        return [_("%(model)s is not there: its files are missing.") % {"model": source}]
    return []


def _adapter_problems(workspace: Any, plan: LaunchPlan, role: str, source: Source) -> list[str]:
    if isinstance(source, TrainingRun):
        return [_("A run makes whole models: what %(run)s makes is no adapter.") % {"run": source}]
    if source.workspace_id != workspace.pk:
        return [_("A model that was chosen is not of this workspace.")]
    if source.kind != ModelKind.ADAPTER:
        return [
            _("%(model)s is a %(kind)s, not an adapter. Choose it as the model itself.")
            % {"model": source, "kind": source.get_kind_display().lower()}
        ]
    problems = []
    if not source.ready:
        problems.append(_("%(model)s is not there: its files are missing.") % {"model": source})
    if ADAPTER_ROLES[role] not in plan.models:
        problems.append(_("Choose the model that %s was trained on, too.") % source)
    of_reward = source.facts.get("adapts") == "reward"
    if of_reward and role == "adapter" and plan.method != Method.REWARD:
        problems.append(
            _("%s is the adapter of a reward model; a model that writes cannot begin from it.")
            % source
        )
    if role == "reward_adapter" and source.facts.get("adapts") == "policy":
        problems.append(
            _("%(model)s is the adapter of a language model: it has no head that scores.")
            % {"model": source}
        )
    return problems


def _data_problems(
    workspace: Any, plan: LaunchPlan, role: str, snapshot: DatasetSnapshot
) -> list[str]:
    if snapshot.workspace_id != workspace.pk:
        return [_("A snapshot that was chosen is not of this workspace.")]
    if not snapshot.ready:
        return [_("The snapshot %(name)s is not frozen yet.") % {"name": snapshot}]
    allowed = NEEDS.get(plan.method, {}).get(role, ((), False))[0]
    if snapshot.kind not in allowed:
        return [
            _("The snapshot %(name)s holds %(kind)s; as %(role)s, %(method)s reads %(allowed)s.")
            % {
                "name": snapshot,
                "kind": snapshot.get_kind_display().lower(),
                "role": role,
                "method": plan.method,
                "allowed": ", ".join(allowed) or _("nothing"),
            }
        ]
    return []
