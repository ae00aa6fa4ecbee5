"""Files that come in: upload, dry run, import, rejects, undo. A page and its polled part are one
view."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from annotation.access import MANAGES, READS
from annotation.actions.start_import import CHECK, IMPORT, MAY_START, check_import, start_import
from annotation.actions.undo_import import UNDO, discard_import, undo_import
from annotation.dependents import dependents_of
from annotation.import_forms import PlanForm, UploadForm, initial_of
from annotation.imports.formats.labelled import LABELLED
from annotation.imports.formats.registry import BY_NAME
from annotation.imports.plan import CONVERSION
from annotation.models import Import, ImportState
from annotation.prompt_filter import PromptFilter
from annotation.queries import imports_in, same_file
from annotation.views.taken_files import take_file
from webapp.artifacts import Artifact, download
from webapp.jobs import cancel
from webapp.jobs.models import State
from webapp.jobs.queries import Outlook
from webapp.workspaces.access import role_of, workspace_page
from webapp.workspaces.models import Workspace

A_PAGE = 30
STOP_POLLING = 286
DOING = {
    CHECK: gettext_lazy("Looking through the file"),
    IMPORT: gettext_lazy("Importing"),
    UNDO: gettext_lazy("Taking its rows out"),
}


@workspace_page(*READS)
def import_list(request: HttpRequest, workspace: Workspace) -> HttpResponse:
    shown = Paginator(imports_in(workspace), A_PAGE).get_page(request.GET.get("page"))
    manages = role_of(workspace) in MANAGES
    context = {"shown": shown, "manages": manages}
    return render(request, "annotation/imports/list.html", context)


@workspace_page(*MANAGES, methods=("GET", "POST"))
def import_new(request: HttpRequest, workspace: Workspace) -> HttpResponse:
    """Take the file; its dry run starts at once."""
    form, status = UploadForm(), 200
    if request.method == "POST":
        form = UploadForm(request.POST, request.FILES)
        made, status = take_file(request, workspace, form)
        if made is not None:
            return redirect("annotation:import", workspace.slug, made.pk)
    return render(request, "annotation/imports/new.html", {"form": form}, status=status)


@workspace_page(*READS)
def import_page(request: HttpRequest, workspace: Workspace, pk: int) -> HttpResponse:
    row = _found(workspace, pk)
    if request.headers.get("HX-Request"):
        if row.job is None or row.job.is_finished:
            answer = HttpResponse(status=STOP_POLLING)
            answer["HX-Refresh"] = "true"  # everything on the page has changed
            return answer
        return render(request, "annotation/imports/_doing.html", _doing(row, workspace))
    return _page(request, workspace, row)


def _page(
    request: HttpRequest, workspace: Workspace, row: Import, form: PlanForm | None = None
) -> HttpResponse:
    looked = row.report if row.state in (ImportState.IMPORTED, ImportState.UNDONE) else {}
    looked = looked or (row.report if row.state == ImportState.KEPT_OUT else {})
    looked = looked or row.check_report
    manages = role_of(workspace) in MANAGES
    may_start = manages and row.state in MAY_START and bool(row.file)
    if form is None and may_start:
        form = PlanForm(initial=initial_of(row.plan), columns=looked.get("columns", ()))
    known = BY_NAME.get(looked.get("format", ""))
    context = {
        "row": row,
        "report": looked,
        "format_title": known.title if known else "",
        "manages": manages,
        "form": form,
        "may_start": may_start,
        "may_convert": may_start
        and LABELLED.name in (looked.get("format"), row.plan.get("format")),
        "may_undo": manages and row.state == ImportState.IMPORTED,
        "same": same_file(row),
        "prompts_url": _prompts_url(row, workspace),
        **_doing(row, workspace),
    }
    status = 422 if form is not None and form.errors else 200
    return render(request, "annotation/imports/import.html", context, status=status)


def _prompts_url(row: Import, workspace: Workspace) -> str:
    """Where its prompts are seen, when some are in."""
    if row.state != ImportState.IMPORTED or not row.report.get("imported"):
        return ""
    query = PromptFilter(imports=(row.pk,), retired="any").as_query()
    return f"{reverse('annotation:prompts', args=[workspace.slug])}?{query}"


def _doing(row: Import, workspace: Workspace) -> dict[str, Any]:
    job = row.job
    active = job is not None and not job.is_finished
    return {
        "row": row,
        "job": job,
        "active": active,
        "failed": job is not None and job.state == State.FAILED,
        "cancelled": job is not None and job.state == State.CANCELLED,
        "doing": DOING.get(job.kind, "") if job is not None else "",
        "reason": Outlook().reason(job) if job is not None and active else "",
        "manages": role_of(workspace) in MANAGES,
    }


@workspace_page(*MANAGES, methods=("POST",))
def import_start(request: HttpRequest, workspace: Workspace, pk: int) -> HttpResponse:
    """The form of options: `check` looks again with them, `import` imports with them."""
    row = _found(workspace, pk)
    form = PlanForm(request.POST, columns=row.check_report.get("columns", ()))
    if not form.is_valid():
        return _page(request, workspace, row, form)
    act = start_import if request.POST.get("act") == "import" else check_import
    plan = form.cleaned_data["plan"]
    if CONVERSION in row.plan:  # it has a page of its own
        plan[CONVERSION] = row.plan[CONVERSION]
    try:
        act(imported=row, by=request.user, plan=plan)
    except ValidationError as refused:
        messages.error(request, " ".join(refused.messages))
    return redirect("annotation:import", workspace.slug, pk)


@workspace_page(*MANAGES, methods=("POST",))
def import_cancel(request: HttpRequest, workspace: Workspace, pk: int) -> HttpResponse:
    row = _found(workspace, pk)
    try:
        if row.job is not None:
            cancel(job=row.job, by=request.user)
    except ValidationError as refused:
        messages.error(request, " ".join(refused.messages))
    return redirect("annotation:import", workspace.slug, pk)


@workspace_page(*MANAGES)
def import_rejects(request: HttpRequest, workspace: Workspace, pk: int) -> HttpResponseBase:
    row = _found(workspace, pk)
    if not row.rejects:
        raise Http404(_("Nothing of this file was refused."))
    return _download(row.rejects)


@workspace_page(*MANAGES)
def import_original(request: HttpRequest, workspace: Workspace, pk: int) -> HttpResponseBase:
    row = _found(workspace, pk)
    if not row.file:
        raise Http404(_("The file of this import is not kept here."))
    return _download(row.file)


@workspace_page(*MANAGES, methods=("GET", "POST"))
def import_undo(request: HttpRequest, workspace: Workspace, pk: int) -> HttpResponse:
    row = _found(workspace, pk)
    back = redirect("annotation:import", workspace.slug, pk)
    if request.method == "POST":
        try:
            undo_import(imported=row, by=request.user)
        except ValidationError as refused:
            messages.error(request, " ".join(refused.messages))
        return back
    standing = dependents_of(row)
    if standing:
        sentence = _("This import cannot be undone, because other things stand on its rows: %s.")
        messages.error(request, sentence % ", ".join(standing))
        return back
    tables = row.report.get("tables", {})
    context = {
        "question": _("Take out what %(name)s brought?") % {"name": row.name},
        "sentence": _("The file stays here, so that it can be imported again."),
        "takes": [f"{count} {table}" for table, count in tables.items()],
        "submit": _("Take it out"),
        "cancel": reverse("annotation:import", args=[workspace.slug, pk]),
    }
    return render(request, "elements/confirm.html", context)


@workspace_page(*MANAGES, methods=("GET", "POST"))
def import_discard(request: HttpRequest, workspace: Workspace, pk: int) -> HttpResponse:
    row = _found(workspace, pk)
    if request.method == "POST":
        try:
            discard_import(imported=row, by=request.user)
        except ValidationError as refused:
            messages.error(request, " ".join(refused.messages))
            return redirect("annotation:import", workspace.slug, pk)
        messages.success(request, _("%(name)s is discarded.") % {"name": row.name})
        return redirect("annotation:imports", workspace.slug)
    context = {
        "question": _("Discard %(name)s?") % {"name": row.name},
        "sentence": _("The uploaded file and the result of its dry run are deleted."),
        "submit": _("Discard it"),
        "cancel": reverse("annotation:import", args=[workspace.slug, pk]),
    }
    return render(request, "elements/confirm.html", context)


def _found(workspace: Workspace, pk: int) -> Import:
    return get_object_or_404(imports_in(workspace), pk=pk)


def _download(kept: dict[str, Any]) -> HttpResponseBase:
    try:
        return download(Artifact(**kept))
    except FileNotFoundError:
        raise Http404(_("The file was removed from the store.")) from None
