"""The prompt browser: search, filter, change many at once; and a page for each prompt."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _

from annotation.access import MANAGES, READS
from annotation.actions.create_prompt import create_prompt
from annotation.actions.edit_prompts import edit_prompts
from annotation.actions.save_view import delete_view, save_view
from annotation.actions.undo_edit import undo_edit
from annotation.domain.distribution_compare import USE_CASES
from annotation.models import Prompt, PromptEdit, SavedView, Split
from annotation.prompt_details import details_of
from annotation.prompt_filter import PromptFilter
from annotation.prompt_forms import NewPromptForm
from annotation.prompt_pages import (
    COUNTED,
    SORTS,
    PromptPage,
    page_of,
    sort_of,
    values_of,
)
from webapp.workspaces.access import person_of, role_of, workspace_page
from webapp.workspaces.models import Workspace

CHANGES_SHOWN = 50


def _prompts_in(workspace: Workspace) -> QuerySet[Prompt]:
    return Prompt.objects.filter(workspace=workspace)


def _views_of(request: HttpRequest, workspace: Workspace) -> QuerySet[SavedView]:
    mine = Q(owner=person_of(request)) | Q(shared=True)
    return SavedView.objects.filter(mine, workspace=workspace).select_related("owner")


@workspace_page(*READS)
def prompt_list(request: HttpRequest, workspace: Workspace) -> HttpResponse:
    """The page and, for htmx, its list alone."""
    refused = ""
    try:
        wanted = PromptFilter.from_params(request.GET)
        found = wanted.apply(_prompts_in(workspace))
        listed = page_of(workspace, found, request.GET.dict())
    except ValidationError as error:
        refused = " ".join(error.messages)
        wanted, listed = PromptFilter(), PromptPage([])
    context = _list_context(request, workspace, wanted, listed) | {"refused": refused}
    fragment = bool(request.headers.get("HX-Request"))
    if not fragment:
        context |= _frame_context(request, workspace, wanted)
    template = "prompts/_list.html" if fragment else "prompts/list.html"
    return render(request, template, context, status=422 if refused else 200)


def _list_context(
    request: HttpRequest, workspace: Workspace, wanted: PromptFilter, listed: PromptPage
) -> dict[str, Any]:
    sort = request.GET.get("sort") or "newest"
    query = wanted.as_query()
    return {
        "listed": listed,
        "filter": wanted,
        "parts": wanted.parts(),
        "query": query,
        "sort": sort if sort in SORTS else "newest",
        "counted": COUNTED,
        "manages": role_of(workspace) in MANAGES,
        "splits": Split.choices,
        "change": _change_asked_for(request, workspace),
        "anything": bool(listed.rows) or _prompts_in(workspace).exists(),
    }


def _change_asked_for(request: HttpRequest, workspace: Workspace) -> PromptEdit | None:
    """The change that was just made, for the word about it with its undo."""
    key = request.GET.get("changed", "")
    if not (key.isascii() and key.isdigit() and len(key) < 19):
        return None
    edits = PromptEdit.objects.filter(workspace=workspace).select_related("job")
    return edits.filter(pk=int(key)).first()


def _frame_context(
    request: HttpRequest, workspace: Workspace, wanted: PromptFilter
) -> dict[str, Any]:
    choices = values_of(workspace)
    choices["use_cases"] = list(dict.fromkeys([*USE_CASES, *choices["use_cases"]]))
    current = wanted.as_json()
    views: list[dict[str, Any]] = [
        {"row": view, "query": PromptFilter.from_json(view.filter).as_query(), "sort": view.sort}
        for view in _views_of(request, workspace)
    ]
    further = set(current) - {"search", "splits", "use_cases", "sources", "tags"}
    return {
        "choices": choices,
        "views": [view | {"current": view["row"].filter == current} for view in views],
        "sorts": [(name, label) for name, (label, _length, _down) in SORTS.items()],
        "further": bool(further),
        "me": request.user,
    }


@workspace_page(*READS)
def prompt_count(request: HttpRequest, workspace: Workspace) -> HttpResponse:
    """The exact number of prompts that the filter finds: asked for by a click, as it may take."""
    try:
        found = PromptFilter.from_params(request.GET).apply(_prompts_in(workspace)).count()
    except ValidationError as refused:
        return HttpResponse(" ".join(refused.messages), status=422, content_type="text/plain")
    return render(request, "prompts/_count.html", {"found": found})


@workspace_page(*MANAGES, methods=("GET", "POST"))
def prompt_new(request: HttpRequest, workspace: Workspace) -> HttpResponse:
    form = NewPromptForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            prompt, new = create_prompt(workspace=workspace, by=request.user, **form.values())
        except ValidationError as refused:
            form.add_error(None, " ".join(refused.messages))
        else:
            said = _("The prompt is stored.") if new else _("This prompt was there already.")
            messages.success(request, said)
            return redirect("annotation:prompt", workspace.slug, prompt.pk)
    status = 422 if form.errors else 200
    return render(request, "prompts/new.html", {"form": form}, status=status)


@workspace_page(*MANAGES, methods=("POST",))
def prompt_edit(request: HttpRequest, workspace: Workspace) -> HttpResponse:
    """Change the chosen prompts, or everything that the filter finds."""
    kind = request.POST.get("kind", "")
    value = request.POST.get({"untag": "tag"}.get(kind, kind), "")
    back = QueryDict(request.POST.get("filter", ""), mutable=True)
    try:
        if request.POST.get("everything"):
            chosen = PromptFilter.from_params(back)
        else:
            chosen = PromptFilter.from_json({"ids": request.POST.getlist("id"), "retired": "any"})
            if not chosen.ids:
                raise ValidationError(_("No prompt was chosen. Choose some, or the whole filter."))
        edit = edit_prompts(
            workspace=workspace, by=request.user, kind=kind, value=value, prompts=chosen
        )
    except ValidationError as refused:
        messages.error(request, " ".join(refused.messages))
    else:
        back["changed"] = str(edit.pk)
    only = request.POST.get("prompt", "")
    if only.isascii() and only.isdigit() and len(only) < 19:
        return redirect("annotation:prompt", workspace.slug, int(only))
    return redirect(f"{reverse('annotation:prompts', args=[workspace.slug])}?{back.urlencode()}")


@workspace_page(*READS)
def prompt_changes(request: HttpRequest, workspace: Workspace) -> HttpResponse:
    edits = PromptEdit.objects.filter(workspace=workspace).select_related("by", "undone_by", "job")
    context = {
        "edits": [
            {"row": edit, "of": PromptFilter.from_json(edit.filter).in_words()}
            for edit in edits[:CHANGES_SHOWN]
        ],
        "manages": role_of(workspace) in MANAGES,
    }
    return render(request, "prompts/changes.html", context)


@workspace_page(*MANAGES, methods=("POST",))
def prompt_undo(request: HttpRequest, workspace: Workspace, edit: int) -> HttpResponse:
    row = get_object_or_404(PromptEdit, workspace=workspace, pk=edit)
    try:
        undo_edit(edit=row, by=request.user)
        messages.success(request, _("The change is undone."))
    except ValidationError as refused:
        messages.error(request, " ".join(refused.messages))
    back = QueryDict(request.POST.get("filter", ""), mutable=True)
    if "filter" not in request.POST:
        return redirect("annotation:prompt_changes", workspace.slug)
    return redirect(f"{reverse('annotation:prompts', args=[workspace.slug])}?{back.urlencode()}")


@workspace_page(*READS, methods=("POST",))
def view_save(request: HttpRequest, workspace: Workspace) -> HttpResponse:
    """Keep the filter under a name: everybody for themselves, managers also for all."""
    back = QueryDict(request.POST.get("filter", ""), mutable=True)
    shared = bool(request.POST.get("shared")) and role_of(workspace) in MANAGES
    try:
        view = save_view(
            workspace=workspace,
            by=request.user,
            name=request.POST.get("name", ""),
            filter=PromptFilter.from_params(back),
            sort=sort_of({"sort": request.POST.get("sort", "")}),
            shared=shared,
        )
        messages.success(request, _("The view “%s” is saved.") % view.name)
    except ValidationError as refused:
        messages.error(request, " ".join(refused.messages))
    return redirect(f"{reverse('annotation:prompts', args=[workspace.slug])}?{back.urlencode()}")


@workspace_page(*READS, methods=("POST",))
def view_delete(request: HttpRequest, workspace: Workspace, view: int) -> HttpResponse:
    """One's own view; a shared one also by a manager."""
    may = Q(owner=person_of(request))
    if role_of(workspace) in MANAGES:
        may |= Q(shared=True)
    row = get_object_or_404(SavedView.objects.filter(may, workspace=workspace), pk=view)
    delete_view(view=row, by=request.user)
    messages.success(request, _("The view “%s” is deleted.") % row.name)
    return redirect("annotation:prompts", workspace.slug)


@workspace_page(*READS)
def prompt_page(request: HttpRequest, workspace: Workspace, prompt: int) -> HttpResponse:
    """Everything there is about one prompt."""
    row = get_object_or_404(
        _prompts_in(workspace).select_related("created_by", "imported_in"), pk=prompt
    )
    context = details_of(row) | {
        "prompt": row,
        "manages": role_of(workspace) in MANAGES,
        "splits": Split.choices,
        "use_cases": USE_CASES,
    }
    return render(request, "prompts/prompt.html", context)
