"""Pages of the wizards: the list, a new run, one run as it goes on, and the review of what came."""

import json
from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from annotation.models import Prompt
from annotation.prompt_filter import PromptFilter
from training.access import MANAGES, READS, manages
from training.factory import report
from training.factory.actions.hold import hold_next
from training.factory.actions.review import accept, compliant_answer, dismiss, question_of
from training.factory.actions.start_run import start_run
from training.factory.actions.steer import change_settings, go_on, stop_run
from training.factory.forms import ReviewForm, RunForm, settings_form
from training.factory.plan import settings_of
from training.factory.queries import (
    funnel,
    last_candidates,
    reached,
    refusal_shares,
    rejections,
    requests_by_step,
    runs_in,
    spending,
    waiting_for_review,
    where,
)
from training.model_queries import askable
from training.models import Candidate, FactoryRun, FactoryStep, SeedRole, Wizard
from webapp.jobs.queries import Outlook
from webapp.workspaces.access import workspace_page
from webapp.workspaces.models import Workspace

A_PAGE = 30
STOP_POLLING = 286
REASONS = (
    gettext_lazy("Wrong answer"),
    gettext_lazy("Makes no sense"),
    gettext_lazy("Does not fit its instruction"),
    gettext_lazy("Harmful or insulting"),
    gettext_lazy("Names a person or private data"),
)


@workspace_page(*READS)
def run_list(request: HttpRequest, workspace: Workspace) -> HttpResponse:
    shown = Paginator(runs_in(workspace), A_PAGE).get_page(request.GET.get("page"))
    context = {
        "shown": shown,
        "rows": [{"run": run, "where": where(run)} for run in shown],
        "manages": manages(workspace),
        "has_models": askable(workspace).exists(),
    }
    return render(request, "training/factory/list.html", context)


@workspace_page(*MANAGES, methods=("GET", "POST"))
def self_instruct_new(request: HttpRequest, workspace: Workspace) -> HttpResponse:
    return _new(request, workspace, Wizard.SELF_INSTRUCT)


@workspace_page(*MANAGES, methods=("GET", "POST"))
def safe_responses_new(request: HttpRequest, workspace: Workspace) -> HttpResponse:
    return _new(request, workspace, Wizard.SAFE_RESPONSES)


def _new(request: HttpRequest, workspace: Workspace, kind: Wizard) -> HttpResponse:
    """The seeds are a source that the form names, or the filter of the address."""
    here = f"training:{kind}_new"
    try:
        chosen = PromptFilter.from_params(request.GET)
    except ValidationError as refused:
        messages.error(request, " ".join(refused.messages))
        return redirect(here, workspace.slug)
    form = RunForm(request.POST or None, workspace=workspace, kind=kind, chosen=chosen)
    if request.method == "POST" and form.is_valid():
        try:
            run = start_run(workspace=workspace, by=request.user, kind=kind, plan=form.plan())
        except ValidationError as refused:
            form.add_error(None, refused)
        else:
            messages.success(request, _("The job is queued. What it writes appears below."))
            return redirect("training:factory_run", workspace.slug, run.pk)
    prompts = Prompt.objects.filter(workspace=workspace)
    context = {
        "form": form,
        "kind": kind,
        "chosen": chosen if chosen.as_json() else None,
        "count": chosen.apply(prompts).count() if chosen.as_json() else 0,
        "has_models": askable(workspace).exists(),
    }
    status = 422 if form.errors else 200
    return render(request, "training/factory/new.html", context, status=status)


@workspace_page(*READS)
def run_page(request: HttpRequest, workspace: Workspace, factory_run: int) -> HttpResponse:
    found = _found(workspace, factory_run)
    context = _context(found, manages(workspace))
    if request.headers.get("HX-Request"):
        status = 200 if context["where"].key == "going" else STOP_POLLING
        return render(request, "training/factory/_run.html", context, status=status)
    _version, settings = settings_of(found)
    context["form"] = settings_form(found, settings)
    return render(request, "training/factory/run.html", context)


@workspace_page(*MANAGES, methods=("POST",))
def run_act(request: HttpRequest, workspace: Workspace, factory_run: int) -> HttpResponse:
    """Stop, or go on."""
    found = _found(workspace, factory_run)
    try:
        if request.POST.get("act") == "stop":
            stop_run(run=found, by=request.user)
        elif request.POST.get("act") == "go-on":
            go_on(run=found, by=request.user)
        else:
            raise ValidationError(_("Choose to stop or to go on."))
    except ValidationError as refused:
        messages.error(request, " ".join(refused.messages))
    return redirect("training:factory_run", workspace.slug, factory_run)


@workspace_page(*MANAGES, methods=("POST",))
def run_settings(request: HttpRequest, workspace: Workspace, factory_run: int) -> HttpResponse:
    found = _found(workspace, factory_run)
    _version, settings = settings_of(found)
    form = settings_form(found, settings, request.POST)
    if form.is_valid():
        try:
            made = change_settings(
                run=found,
                by=request.user,
                changes=form.changes(),
                budget=form.cleaned_data["budget"],
            )
        except ValidationError as refused:
            form.add_error(None, refused)
        else:
            sentence = _("Version %d of the settings holds from the next request on.")
            messages.success(request, sentence % made.version)
            return redirect("training:factory_run", workspace.slug, factory_run)
    context = _context(found, True) | {"form": form}
    return render(request, "training/factory/run.html", context, status=422)


@workspace_page(*MANAGES, methods=("GET", "POST"))
def review_page(request: HttpRequest, workspace: Workspace, factory_run: int) -> HttpResponse:
    """The oldest candidate that waits and that nobody else has before them; `?after=` passes some
    over."""
    found = _found(workspace, factory_run)
    if request.method == "POST":
        candidate = get_object_or_404(
            Candidate, run=found, pk=_number(request.POST.get("candidate"))
        )
        form = ReviewForm(request.POST, step=candidate.step)
        if _decided(request, candidate, form):
            return redirect("training:factory_review", workspace.slug, factory_run)
        candidate = get_object_or_404(waiting_for_review(found), pk=candidate.pk)
        return _review(request, found, candidate, form, status=422)
    after = _number(request.GET.get("after"))
    return _review(request, found, hold_next(run=found, by=request.user, after=after))


def _decided(request: HttpRequest, candidate: Candidate, form: ReviewForm) -> bool:
    """Whether the button's act was done; if not, the form says why."""
    if not form.is_valid():
        return False
    try:
        if request.POST.get("act") == "accept":
            accept(
                candidate=candidate,
                by=request.user,
                edited=form.edited(),
                checks=form.cleaned_data.get("checks", ()),
            )
        elif request.POST.get("act") == "reject":
            dismiss(candidate=candidate, by=request.user, reason=form.cleaned_data["reason"])
        else:
            raise ValidationError(_("Choose to accept or to reject it."))
    except ValidationError as refused:
        candidate.refresh_from_db()
        if candidate.state != "waiting":
            messages.warning(request, " ".join(refused.messages))
            return True
        form.add_error(None, refused)
        return False
    return True


def _review(
    request: HttpRequest,
    run: FactoryRun,
    candidate: Candidate | None,
    form: ReviewForm | None = None,
    status: int = 200,
) -> HttpResponse:
    context: dict[str, Any] = {"run": run, "candidate": candidate, "reasons": REASONS}
    context["left"] = waiting_for_review(run).count()
    if candidate is not None:
        question = question_of(candidate)
        worse, _row = (
            compliant_answer(candidate) if candidate.step == FactoryStep.REFUSALS else ("", None)
        )
        initial = {"instruction": question, "input": candidate.input, "text": candidate.text}
        context |= {
            "question": question,
            "worse": worse,
            "form": form or ReviewForm(step=candidate.step, initial=initial),
            "seed": candidate.seed or (candidate.parent.seed if candidate.parent else None),
        }
    return render(request, "training/factory/review.html", context, status=status)


@workspace_page(*READS)
def run_report(request: HttpRequest, workspace: Workspace, factory_run: int) -> HttpResponse:
    """The summary as a JSON file."""
    found = _found(workspace, factory_run)
    text = json.dumps(report.report_of(found), indent=2, ensure_ascii=False)
    answer = HttpResponse(text, content_type="application/json; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="factory-{factory_run}.json"'
    return answer


@workspace_page(*READS)
def run_candidates(
    request: HttpRequest, workspace: Workspace, factory_run: int
) -> HttpResponseBase:
    """Every candidate, a JSON object a line."""
    found = _found(workspace, factory_run)
    answer = StreamingHttpResponse(
        report.candidate_lines(found), content_type="application/x-ndjson; charset=utf-8"
    )
    answer["Content-Disposition"] = f'attachment; filename="factory-{factory_run}.jsonl"'
    return answer


def _found(workspace: Workspace, pk: int) -> FactoryRun:
    return get_object_or_404(runs_in(workspace), pk=pk)


def _number(given: str | None) -> int:
    return int(given) if given and given.isascii() and given.isdigit() and len(given) < 19 else 0


def _context(run: FactoryRun, may_act: bool) -> dict[str, Any]:
    stages = funnel(run)
    most = max((stage.count for stage in stages), default=0)
    version, settings = settings_of(run)
    state = where(run)
    kept = reached(run, settings)
    return {
        "run": run,
        "workspace": run.workspace,
        "where": state,
        "stages": stages,
        "most": most,
        "rejections": rejections(run),
        "last": last_candidates(run),
        "steps": requests_by_step(run),
        "spent": spending(run),
        "kept": kept,
        "share_kept": min(kept) if kept is not None else None,
        "short": kept is not None and kept[0] < kept[1] and state.key in ("done", "waiting"),
        "shares": refusal_shares(run),
        "version": version,
        "settings": settings,
        "seeds": run.seeds.filter(role=SeedRole.SEED).count(),
        "look_alikes": run.seeds.filter(role=SeedRole.LOOK_ALIKE).count(),
        "manages": may_act,
        "reason": Outlook().reason(run.job) if run.job is not None else "",
        "prompts_url": reverse("annotation:prompts", args=[run.workspace.slug]),
        "made_from": PromptFilter(sources=(f"{run.kind}: {run.name}"[:200],)).as_query,
    }
