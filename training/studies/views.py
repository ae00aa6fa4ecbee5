"""Studies: the list, the form that declares one, and what it found. A page and its polled part are
one view."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _

from training.access import MANAGES, READS, manages
from training.models import ModelKind, Study
from training.queries import ready_snapshots
from training.run_queries import ready_models
from training.studies.actions.compare_models import ask_models, open_comparison
from training.studies.actions.start_study import start_study
from training.studies.form import KINDS, StudyForm
from training.studies.plan import ANSWER
from training.studies.queries import studies_in, where
from training.studies.results import charts, found_in
from webapp.workspaces.access import workspace_page
from webapp.workspaces.models import Workspace

A_PAGE = 30
STOP_POLLING = 286
MOVING = ("training", "answering", "comparing")


@workspace_page(*READS)
def study_list(request: HttpRequest, workspace: Workspace) -> HttpResponse:
    shown = Paginator(studies_in(workspace), A_PAGE).get_page(request.GET.get("page"))
    context = {
        "shown": shown,
        "rows": [{"study": row, "where": where(row)} for row in shown],
        "manages": manages(workspace),
        "can_begin": _can_begin(workspace),
    }
    return render(request, "training/studies.html", context)


@workspace_page(*MANAGES, methods=("GET", "POST"))
def study_new(request: HttpRequest, workspace: Workspace) -> HttpResponse:
    wanted = request.GET.get("snapshot", "")
    chosen = ready_snapshots(workspace, *KINDS)
    snapshot = (
        chosen.filter(pk=int(wanted)).first() if wanted.isdecimal() and len(wanted) < 19 else None
    )
    form = StudyForm(workspace, request.POST or None, snapshot=snapshot)
    if request.method == "POST" and form.is_valid():
        try:
            study = start_study(workspace=workspace, by=request.user, plan=form.plan())
        except ValidationError as refused:
            form.add_error(None, refused)
        else:
            return redirect("training:study", workspace.slug, study.pk)
    context = {"form": form, "can_begin": _can_begin(workspace)}
    return render(request, "training/study_new.html", context, status=422 if form.errors else 200)


@workspace_page(*READS)
def study_page(request: HttpRequest, workspace: Workspace, study: int) -> HttpResponse:
    found = study_of(workspace, study)
    here = where(found)
    rows = found_in(found)
    context: dict[str, Any] = {
        "study": found,
        "where": here,
        "moving": here.key in MOVING,
        "rows": rows,
        "answers": found.method in ANSWER,
        "manages": manages(workspace),
        "charts": charts(rows),
    }
    if request.headers.get("HX-Request"):
        status = 200 if context["moving"] else STOP_POLLING
        return render(request, "training/_study.html", context, status=status)
    return render(request, "training/study.html", context)


@workspace_page(*MANAGES, methods=("POST",))
def study_compare(request: HttpRequest, workspace: Workspace, study: int) -> HttpResponse:
    """What is next for a win rate: the models are asked, or people are."""
    found = study_of(workspace, study)
    try:
        if found.answers_id is None:
            ask_models(study=found, by=request.user)
            messages.success(request, _("The models are being asked."))
        else:
            campaign = open_comparison(study=found, by=request.user)
            messages.success(request, _("The campaign “%s” is open.") % campaign)
    except ValidationError as refused:
        messages.error(request, " ".join(refused.messages))
    return redirect("training:study", workspace.slug, found.pk)


def study_of(workspace: Workspace, pk: int) -> Study:
    return get_object_or_404(studies_in(workspace), pk=pk)


def _can_begin(workspace: Workspace) -> bool:
    has_base = ready_models(workspace, ModelKind.POLICY).exists()
    return has_base and ready_snapshots(workspace, *KINDS).exists()
