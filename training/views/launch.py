"""The launch pages: one run with all its settings, or the runs of a recipe."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _

from training.access import MANAGES
from training.actions.launch import LaunchPlan, launch, resolved
from training.actions.launch_recipe import launch_recipe
from training.actions.saved_config import delete_config, save_config
from training.models import (
    Method,
    ModelKind,
    ModelVersion,
    Purpose,
    SavedConfig,
    TrainingRun,
)
from training.presets import PRESETS, RECIPES, preset_for, preset_named, recipe_named
from training.queries import ready_snapshots, snapshots_in
from training.recipe_form import RecipeForm
from training.run_differences import differences
from training.run_estimate import estimate
from training.run_form import (
    PURPOSES,
    RunForm,
    next_name,
    snapshot_role,
    values_of,
    values_of_config,
)
from training.run_queries import ready_models, runs_in
from training.shell_command import shell_command
from webapp.workspaces.access import workspace_page
from webapp.workspaces.models import Workspace

MOST_OTHERS = 50  # runs that settings can be compared with


@workspace_page(*MANAGES, methods=("GET", "POST"))
def run_new(request: HttpRequest, workspace: Workspace) -> HttpResponse:
    clone = _clone(request, workspace)
    method = request.GET.get("method") or (clone.method if clone else Method.SFT)
    if method not in Method.values:
        method = Method.SFT
    values, preset = _values(request, workspace, method, clone)
    form = RunForm(workspace, method, request.POST or None, values=values)
    if request.method == "POST":
        answer = _posted(request, workspace, form, clone)
        if answer is not None:
            return answer
    context = {
        "form": form,
        "method": method,
        "methods": Method.choices,
        "preset": preset,
        "presets": PRESETS,
        "recipes": RECIPES,
        "saved": SavedConfig.objects.filter(workspace=workspace, method=method),
        "clone": clone,
        "has_models": ready_models(workspace).exists(),
        "has_rewards": ready_models(workspace, ModelKind.REWARD).exists(),
        "has_snapshots": ready_snapshots(workspace).exists(),
        **_looked_at(request, form, _against(request, workspace) or clone),
        "others": runs_in(workspace).filter(purpose=Purpose.RUN)[:MOST_OTHERS],
    }
    status = 422 if form.is_bound and form.errors else 200
    return render(request, "training/run_new.html", context, status=status)


@workspace_page(*MANAGES, methods=("GET", "POST"))
def recipe_new(request: HttpRequest, workspace: Workspace, recipe: str) -> HttpResponse:
    chosen = recipe_named(recipe)
    if chosen is None:
        return redirect("training:run_new", workspace.slug)
    form = RecipeForm(workspace, chosen, request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            runs = launch_recipe(
                workspace=workspace, by=request.user, recipe=chosen, **form.given()
            )
        except ValidationError as refused:
            form.add_error(None, refused)
        else:
            messages.success(
                request,
                _("%(count)d runs are launched; each begins when the one before has its model.")
                % {"count": len(runs)},
            )
            return redirect("training:run", workspace.slug, runs[0].pk)
    context = {"form": form, "recipe": chosen}
    return render(request, "training/recipe_new.html", context)


@workspace_page(*MANAGES, methods=("POST",))
def config_delete(request: HttpRequest, workspace: Workspace, config: int) -> HttpResponse:
    found = get_object_or_404(SavedConfig, workspace=workspace, pk=config)
    delete_config(config=found, by=request.user)
    return redirect("training:run_new", workspace.slug)


def _posted(
    request: HttpRequest, workspace: Workspace, form: RunForm, clone: TrainingRun | None
) -> HttpResponse | None:
    """What a button of the launch page does; None when the page is shown again."""
    if not form.is_valid():
        return None
    wanted = request.POST.get("do", "launch")
    try:
        if wanted == "save":
            saved = save_config(
                workspace=workspace,
                by=request.user,
                method=form.method,
                name=request.POST.get("config_name", ""),
                config=form.config(),
            )
            messages.success(request, _("Saved as %(name)s.") % {"name": saved.name})
            return None
        if wanted == "look":
            return None
        plan = form.plan(purpose=PURPOSES.get(wanted, Purpose.RUN), cloned_from=clone)
        run = launch(workspace=workspace, by=request.user, plan=plan)
    except ValidationError as refused:
        form.add_error(None, refused)
        return None
    return redirect("training:run", workspace.slug, run.pk)


def _clone(request: HttpRequest, workspace: Workspace) -> TrainingRun | None:
    pk = request.GET.get("clone", "")
    if not pk.isdecimal() or len(pk) > 18:
        return None
    return runs_in(workspace).filter(pk=int(pk)).first()


def _values(
    request: HttpRequest, workspace: Workspace, method: str, clone: TrainingRun | None
) -> tuple[dict[str, Any], str]:
    """First values of the form, and the preset that they come from."""
    base = _chosen(ready_models(workspace, ModelKind.POLICY), request.GET.get("base", ""))
    snapshot = _chosen(snapshots_in(workspace), request.GET.get("snapshot", ""))
    values: dict[str, Any] = {}
    preset = preset_named(request.GET.get("preset", ""))
    if clone is not None and clone.method == method:
        values = values_of(clone)
        base = base or _chosen(ready_models(workspace), str(values.get("base") or ""))
    elif (saved := _saved(request, workspace, method)) is not None:
        values = values_of_config(saved.config)
    else:
        base = base or ready_models(workspace, ModelKind.POLICY).first()
        size = base.facts.get("parameters") if base is not None else None
        preset = preset or (preset_for(float(size)) if size else None)
    if preset is not None:
        values |= preset.values
    if base is not None:
        values["base"] = base.pk
    adapter = _chosen(ready_models(workspace, ModelKind.ADAPTER), request.GET.get("adapter", ""))
    if adapter is not None:
        scores = adapter.facts.get("adapts") == "reward" and method != Method.REWARD
        values["reward_adapter" if scores else "adapter"] = adapter.pk
    role = snapshot_role(method, snapshot) if snapshot is not None else None
    if snapshot is not None and role is not None:
        values[f"data.{role}"] = snapshot.pk
    values["name"] = next_name(workspace, method, base)
    return values, preset.key if preset else ""


def _saved(request: HttpRequest, workspace: Workspace, method: str) -> SavedConfig | None:
    pk = request.GET.get("config", "")
    if not pk.isdecimal() or len(pk) > 18:
        return None
    return SavedConfig.objects.filter(workspace=workspace, method=method, pk=int(pk)).first()


def _chosen(rows: Any, pk: str) -> Any:
    return rows.filter(pk=int(pk)).first() if pk.isdecimal() and len(pk) < 19 else None


def _against(request: HttpRequest, workspace: Workspace) -> TrainingRun | None:
    """The run that the settings are to be compared with."""
    found: TrainingRun | None = _chosen(runs_in(workspace), request.POST.get("against", ""))
    return found


def _rows_of(plan: LaunchPlan) -> int | None:
    """Training rows that the plan learns from."""
    snapshot = plan.data.get("train")
    if snapshot is None:
        return None
    rows = snapshot.splits.get("train", 0)
    return min(rows, plan.part.rows) if plan.part is not None else rows


def _looked_at(request: HttpRequest, form: RunForm, against: TrainingRun | None) -> dict[str, Any]:
    """The exact run.json, the same as a command, the estimate, and what is not as in another run,
    when what was sent makes a run."""
    if not form.is_bound or not form.is_valid():
        return {}
    plan = form.plan(purpose=Purpose.RUN)
    try:
        config = resolved(plan)
    except ValidationError as refused:
        if not form.non_field_errors():
            form.add_error(None, refused)
        return {}
    base = plan.models["base"]
    needed = None
    if isinstance(base, ModelVersion):
        needed = estimate(base, form.method, config, _rows_of(plan))
    found: dict[str, Any] = {"config": config, "estimate": needed, "against": against}
    by = getattr(request.user, "email", "")
    found["command"] = shell_command(form.workspace, plan, by)
    if against is not None:
        found["differences"] = differences([against.config, config])
    return found
