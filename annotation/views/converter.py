"""Labelled data sets as instructions: bring one, say what its columns and labels are, try templates
on its first rows. The look through the whole file and the import are those of every file."""

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _

from annotation.access import MANAGES
from annotation.actions.start_import import MAY_START, check_import, keep_plan
from annotation.actions.upload_import import upload_import
from annotation.converter_forms import DataSetForm, RecipeForm, TemplatesForm, initial_of, plan_for
from annotation.domain.conversion.recipes import ALL, Recipe, recipe_from
from annotation.domain.conversion.tasks import TASKS
from annotation.domain.conversion.template_files import own_file
from annotation.domain.conversion.templates import Template
from annotation.imports.plan import CONVERSION
from annotation.models import Import
from annotation.queries import imports_in
from annotation.views.taken_files import take_file
from webapp.workspaces.access import workspace_page
from webapp.workspaces.models import Workspace


@workspace_page(*MANAGES, methods=("GET", "POST"))
def conversion_new(request: HttpRequest, workspace: Workspace) -> HttpResponse:
    """Take the file and look at its first rows; templates come next."""
    form, status = DataSetForm(), 200
    if request.method == "POST":
        form = DataSetForm(request.POST, request.FILES)
        made, status = take_file(request, workspace, form)
        if made is not None:
            return redirect("annotation:conversion", workspace.slug, made.pk)
    context = {"form": form, "tasks": TASKS.items()}
    return render(request, "annotation/converter/new.html", context, status=status)


@workspace_page(*MANAGES, methods=("POST",))
def conversion_tutorial(request: HttpRequest, workspace: Workspace) -> HttpResponse:
    """The small data set of a task, brought in as a person would bring theirs."""
    name = request.POST.get("task", "")
    if name not in TASKS:
        allowed = ", ".join(TASKS)
        messages.error(request, _("There is no tutorial of that name. Allowed: %s.") % allowed)
        return redirect("annotation:conversion_new", workspace.slug)
    task = TASKS[name]
    lines = [json.dumps(row, ensure_ascii=False).encode() + b"\n" for row in task.tutorial]
    made = upload_import(
        workspace=workspace, by=request.user, name=f"tutorial-{name}.jsonl", chunks=lines
    )
    plan = plan_for(name) | {"source": f"tutorial {name}"}
    plan[CONVERSION] |= {"answers": dict(task.tutorial_words or {})}
    check_import(imported=made, by=request.user, plan=plan)
    return redirect("annotation:conversion", workspace.slug, made.pk)


@workspace_page(*MANAGES, methods=("GET", "POST"))
def conversion_page(request: HttpRequest, workspace: Workspace, pk: int) -> HttpResponse:
    """The recipe of one file: keep it, or look through the whole file with it (`check`)."""
    row = _found(workspace, pk)
    if row.job is not None and not row.job.is_finished:
        if request.headers.get("HX-Request"):
            return render(request, "annotation/converter/_waiting.html", {"row": row})
        return render(request, "annotation/converter/waiting.html", {"row": row})
    if request.headers.get("HX-Request"):
        answer = HttpResponse(status=286)  # htmx: stop asking
        answer["HX-Refresh"] = "true"
        return answer
    if row.state not in MAY_START:
        messages.error(request, _("%(name)s is imported already.") % {"name": row.name})
        return redirect("annotation:import", workspace.slug, pk)
    recipe = _recipe(row)
    if request.method != "POST":
        return _page(request, row, recipe)
    if request.POST.get("act") == "task":
        return _other_task(request, workspace, row, recipe)
    form = RecipeForm(request.POST, task=recipe.task, report=row.check_report)
    if not form.is_valid():
        return _page(request, row, recipe, form)
    if request.POST.get("act") == "file":
        return _take_file(request, workspace, row, form)
    return _done(request, workspace, row, form.recipe, look=request.POST.get("act") == "check")


def _other_task(
    request: HttpRequest, workspace: Workspace, row: Import, recipe: Recipe
) -> HttpResponse:
    task = request.POST.get("task", "")
    if task not in TASKS:
        task = ""
    templates = TASKS[task].templates if task else recipe.templates
    changed = dataclasses.replace(recipe, task=task, templates=templates, columns={})
    return _done(request, workspace, row, changed)


def _take_file(
    request: HttpRequest, workspace: Workspace, row: Import, form: RecipeForm
) -> HttpResponse:
    """Add the templates of an uploaded file to those of the form."""
    taken = TemplatesForm(request.POST, request.FILES)
    if not taken.is_valid():
        return _page(request, row, form.recipe, form, taken)
    names = {template.name for template in form.recipe.templates}
    added = [_renamed(template, names) for template in taken.found]
    try:
        recipe = recipe_from(
            dataclasses.replace(form.recipe, templates=(*form.recipe.templates, *added)).as_json()
        )
    except ValueError as error:
        taken.add_error("templates", str(error))
        return _page(request, row, form.recipe, form, taken)
    return _done(request, workspace, row, recipe)


def _renamed(template: Template, names: set[str]) -> Template:
    """The template under a name that none of `names` has; the name is added to them."""
    name, number = template.name, 2
    while name in names:
        name, number = f"{template.name} ({number})", number + 1
    names.add(name)
    return dataclasses.replace(template, name=name)


def _done(
    request: HttpRequest, workspace: Workspace, row: Import, recipe: Recipe, *, look: bool = False
) -> HttpResponse:
    """Keep the recipe and stay, or look through the file with it."""
    plan = row.plan | {"format": "labelled", CONVERSION: recipe.as_json()}
    try:
        if look:
            check_import(imported=row, by=request.user, plan=plan)
        else:
            keep_plan(imported=row, plan=plan)
    except ValidationError as refused:
        messages.error(request, " ".join(refused.messages))
        look = False
    return redirect(
        "annotation:import" if look else "annotation:conversion", workspace.slug, row.pk
    )


@workspace_page(*MANAGES, methods=("POST",))
def preview(request: HttpRequest, workspace: Workspace, pk: int) -> HttpResponse:
    """The form's templates on the first rows of the file; a part of the page."""
    row = _found(workspace, pk)
    form = RecipeForm(request.POST, task=_recipe(row).task, report=row.check_report)
    context: dict[str, Any] = {"form": form}
    if form.is_valid():
        context |= tried(form.recipe, row.check_report)
    return render(request, "annotation/converter/_preview.html", context)


@workspace_page(*MANAGES)
def templates_file(request: HttpRequest, workspace: Workspace, pk: int) -> HttpResponse:
    """The templates of this file's recipe, to use again with another."""
    row = _found(workspace, pk)
    answer = HttpResponse(
        own_file(list(_recipe(row).templates)), content_type="application/json; charset=utf-8"
    )
    answer["Content-Disposition"] = f'attachment; filename="templates-{row.pk}.json"'
    return answer


def tried(recipe: Recipe, report: Mapping[str, Any]) -> dict[str, Any]:
    """Every template on each of the first rows: what it makes of it, or why it does not."""
    shown = []
    for record in report.get("head", ()):
        made = []
        for template in recipe.templates:
            alone = dataclasses.replace(recipe, templates=(template,), each_row=ALL)
            try:
                [one] = alone.convert(record)
            except ValueError as error:
                made.append({"name": template.name, "problem": str(error)})
            else:
                made.append({"name": template.name, **vars(one.converted)})
        shown.append({"record": record, "made": made, "taken": _taken(recipe, record)})
    return {"shown": shown, "recipe": recipe}


def _taken(recipe: Recipe, record: Mapping[str, Any]) -> list[str]:
    """The names of the templates that this row takes."""
    try:
        return [one.template for one in recipe.convert(record)]
    except ValueError:
        return []


def _page(
    request: HttpRequest,
    row: Import,
    recipe: Recipe,
    form: RecipeForm | None = None,
    taken: TemplatesForm | None = None,
) -> HttpResponse:
    bad = form is not None and bool(form.errors)
    if form is None:
        initial = initial_of(recipe, row.check_report)
        form = RecipeForm(task=recipe.task, report=row.check_report, initial=initial)
    context = {
        "row": row,
        "form": form,
        "task": TASKS.get(recipe.task),
        "tasks": [(name, task.title, name == recipe.task) for name, task in TASKS.items()],
        "taken": taken or TemplatesForm(),
        "preview_url": reverse("annotation:conversion_preview", args=[row.workspace.slug, row.pk]),
        **tried(recipe, row.check_report),
    }
    status = 422 if bad or (taken is not None and taken.errors) else 200
    return render(request, "annotation/converter/recipe.html", context, status=status)


def _recipe(row: Import) -> Recipe:
    return recipe_from(row.plan.get(CONVERSION, {}))


def _found(workspace: Workspace, pk: int) -> Import:
    return get_object_or_404(imports_in(workspace), pk=pk)
