"""The editor of tasks as Natural Instructions has them: bring one or begin one, edit, see it as it
will be asked, make prompts with answers of it, take it away as JSON."""

import json
import re
from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _

from annotation.access import MANAGES
from annotation.actions.edit_task import begin_task, delete_task, make_instructions, save_task
from annotation.domain.conversion.instruction_task import InstructionTask as Content
from annotation.domain.conversion.instruction_task import task_from
from annotation.models import Import, InstructionTask
from annotation.queries import imports_in
from annotation.task_forms import A_PAGE, MOST_BYTES, BeginTaskForm, TaskForm, content_of
from webapp import artifacts
from webapp.workspaces.access import workspace_page
from webapp.workspaces.models import Workspace

FORMAT = "super_natural_instructions"
PREVIEWED = 3  # instances


@workspace_page(*MANAGES)
def task_list(request: HttpRequest, workspace: Workspace) -> HttpResponse:
    found = InstructionTask.objects.filter(workspace=workspace).select_related("created_by")
    shown = Paginator(found.defer("content"), 50).get_page(request.GET.get("page"))
    brought = imports_in(workspace).filter(format=FORMAT).exclude(file={})[:20]
    context = {"shown": shown, "form": BeginTaskForm(), "brought": brought}
    return render(request, "annotation/tasks/list.html", context)


@workspace_page(*MANAGES, methods=("POST",))
def task_new(request: HttpRequest, workspace: Workspace) -> HttpResponse:
    form = BeginTaskForm(request.POST, request.FILES)
    if form.is_valid():
        given = form.cleaned_data
        try:
            row = begin_task(
                workspace=workspace,
                by=request.user,
                name=given["name"],
                content=form.content,
                licence=given["licence"],
            )
        except ValidationError as refused:
            form.add_error(None, refused)
        else:
            return redirect("annotation:task", workspace.slug, row.pk)
    found = InstructionTask.objects.filter(workspace=workspace).defer("content")
    context = {"shown": Paginator(found, 50).get_page(1), "form": form}
    return render(request, "annotation/tasks/list.html", context, status=422)


@workspace_page(*MANAGES, methods=("POST",))
def task_open(request: HttpRequest, workspace: Workspace, pk: int) -> HttpResponse:
    """The task of a file that an import brought."""
    imported = get_object_or_404(imports_in(workspace), pk=pk)
    try:
        row = begin_task(
            workspace=workspace,
            by=request.user,
            name=re.sub(r"\.json$", "", imported.name),
            content=content_of(_bytes_of(imported)),
            licence=imported.licence,
        )
    except ValidationError as refused:
        messages.error(request, " ".join(refused.messages))
        return redirect("annotation:tasks", workspace.slug)
    return redirect("annotation:task", workspace.slug, row.pk)


@workspace_page(*MANAGES, methods=("GET", "POST"))
def task_page(request: HttpRequest, workspace: Workspace, task: int) -> HttpResponse:
    """Edit; `act` says what comes after saving: stay, or make prompts of it."""
    row = _found(workspace, task)
    content = task_from(row.content)
    form = _form(request, row, content)
    if request.method != "POST" or not form.is_valid():
        return _page(request, row, form)
    given = form.cleaned_data
    try:
        row = save_task(
            row=row,
            by=request.user,
            content=form.content,
            parts=given["parts"],
            shots=given["shots"],
        )
        if request.POST.get("act") == "make":
            made = make_instructions(row=row, by=request.user, content=form.content)
            return redirect("annotation:import", workspace.slug, made.pk)
    except ValidationError as refused:
        form.add_error(None, refused)
        return _page(request, row, form)
    messages.success(request, _("“%s” is saved.") % row.name)
    back = reverse("annotation:task", args=[workspace.slug, row.pk])
    return redirect(f"{back}?first={form.first}")


@workspace_page(*MANAGES, methods=("POST",))
def task_preview(request: HttpRequest, workspace: Workspace, task: int) -> HttpResponse:
    """The form's task as it will be asked; a part of the page."""
    row = _found(workspace, task)
    form = _form(request, row, task_from(row.content))
    context: dict[str, Any] = {"form": form}
    if form.is_valid():
        given = form.cleaned_data
        context["shown"] = _shown(form.content, given["parts"], given["shots"])
    return render(request, "annotation/tasks/_preview.html", context)


@workspace_page(*MANAGES)
def task_file(request: HttpRequest, workspace: Workspace, task: int) -> HttpResponse:
    """The task as Super-NaturalInstructions' JSON."""
    row = _found(workspace, task)
    text = json.dumps(row.content, indent=4, ensure_ascii=False)
    answer = HttpResponse(text, content_type="application/json; charset=utf-8")
    named = content_disposition_header(True, f"{row.name}.json")
    answer["Content-Disposition"] = named or "attachment"
    return answer


@workspace_page(*MANAGES, methods=("GET", "POST"))
def task_delete(request: HttpRequest, workspace: Workspace, task: int) -> HttpResponse:
    row = _found(workspace, task)
    if request.method == "POST":
        delete_task(row=row, by=request.user)
        messages.success(request, _("The task “%s” is deleted.") % row.name)
        return redirect("annotation:tasks", workspace.slug)
    content = task_from(row.content)
    context = {
        "question": _("Delete the task “%s”?") % row.name,
        "sentence": _("Prompts and demonstrations that were made of it stay."),
        "takes": [
            _("Its texts and %(examples)d examples, and %(instances)d instances.")
            % {
                "examples": len(content.positive) + len(content.negative),
                "instances": len(content.instances),
            }
        ],
        "submit": _("Delete the task"),
        "cancel": reverse("annotation:task", args=[workspace.slug, row.pk]),
    }
    return render(request, "elements/confirm.html", context)


def _found(workspace: Workspace, pk: int) -> InstructionTask:
    return get_object_or_404(InstructionTask, workspace=workspace, pk=pk)


def _form(request: HttpRequest, row: InstructionTask, content: Content) -> TaskForm:
    given = (request.POST if request.method == "POST" else request.GET).get("first", "")
    first = int(given) if given.isascii() and given.isdigit() and len(given) < 6 else 0
    first = min(first, len(content.instances)) // A_PAGE * A_PAGE
    initial = {"parts": row.parts, "shots": row.shots}
    data = request.POST if request.method == "POST" else None
    return TaskForm(content, data, first=first, initial=initial)


def _page(request: HttpRequest, row: InstructionTask, form: TaskForm) -> HttpResponse:
    content = form.task
    parts, shots = row.parts, row.shots
    if form.is_bound and hasattr(form, "content"):
        content, parts = form.content, form.cleaned_data.get("parts", parts)
    context = {
        "row": row,
        "form": form,
        "shown": _shown(content, parts, shots),
        "instances": len(content.instances),
        "last": form.first + len(form.page),
        "previous": form.first - A_PAGE if form.first else None,
        "next": form.first + A_PAGE if form.first + A_PAGE < len(content.instances) else None,
    }
    status = 422 if form.errors else 200
    return render(request, "annotation/tasks/task.html", context, status=status)


def _shown(content: Content, parts: list[str], shots: int) -> list[dict[str, Any]]:
    return [
        {"prompt": content.render(each.input, parts, shots), "outputs": each.outputs}
        for each in content.instances[:PREVIEWED]
    ] or [{"prompt": content.render("…", parts, shots), "outputs": ()}]


def _bytes_of(imported: Import) -> bytes:
    """
    Raises:
        ValidationError: the file is not kept, or is too large for one task.
    """
    if not imported.file or imported.size > MOST_BYTES:
        raise ValidationError(
            _("%(name)s is not kept here, or larger than a task can be. Bring it as a file.")
            % {"name": imported.name}
        )
    return b"".join(artifacts.chunks(imported.file["path"]))
