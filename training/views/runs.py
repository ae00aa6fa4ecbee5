"""Runs: the list, one run as it goes, its curves, samples and files. A page and its polled parts
are one view."""

import hashlib
from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _

from training import curves
from training.access import MANAGES, READS, manages
from training.held_out.queries import alarms_of, has_answers
from training.judges import in_words, judged_for_run
from training.models import Method, Purpose, TrainingRun
from training.queue_times import expected_starts
from training.run_differences import differences
from training.run_queries import run_of, runs_in
from webapp.artifacts import Artifact, download
from webapp.jobs.actions.cancel import cancel
from webapp.jobs.actions.retry import retry
from webapp.jobs.models import State
from webapp.jobs.queries import Outlook
from webapp.workspaces.access import workspace_page
from webapp.workspaces.models import Workspace

A_PAGE = 30
STOP_POLLING = 286
MOST_COMPARED = 6
MOST_SAMPLES = 60
MOST_ROLLOUTS = 40


@workspace_page(*READS)
def run_list(request: HttpRequest, workspace: Workspace) -> HttpResponse:
    found = runs_in(workspace)
    method, purpose = request.GET.get("method", ""), request.GET.get("purpose", "")
    found = found.filter(method=method) if method in Method.values else found
    found = found.filter(purpose=purpose if purpose in Purpose.values else Purpose.RUN)
    shown = Paginator(found, A_PAGE).get_page(request.GET.get("page"))
    outlook = Outlook()
    waits = any(run.state == State.QUEUED for run in shown)
    starts = expected_starts(outlook) if waits else {}
    context = {
        "shown": shown,
        "rows": [_row(run, outlook, starts) for run in shown],
        "methods": Method.choices,
        "purposes": Purpose.choices,
        "method": method,
        "purpose": purpose or Purpose.RUN,
        "narrowed": bool(method or (purpose and purpose != Purpose.RUN)),
        "manages": manages(workspace),
    }
    if request.headers.get("HX-Request"):
        over = all(run.is_over for run in shown)
        return render(request, "training/_runs.html", context, status=STOP_POLLING if over else 200)
    return render(request, "training/runs.html", context)


@workspace_page(*READS)
def run_page(request: HttpRequest, workspace: Workspace, run: int) -> HttpResponse:
    found = run_of(workspace, run)
    outlook = Outlook()
    starts = expected_starts(outlook) if found.state == State.QUEUED else {}
    context = {**_row(found, outlook, starts), "manages": manages(workspace)}
    part = request.GET.get("part", "")
    if request.headers.get("HX-Request") and part == "charts":
        return _charts_again(request, found)
    if request.headers.get("HX-Request"):
        status = STOP_POLLING if found.is_over else 200
        context |= _progress(found)
        return render(request, "training/_run_state.html", context, status=status)
    context |= _progress(found) | _charts(found)
    context |= {
        "models": found.models.select_related("version", "made_by"),
        "data": found.data.select_related("snapshot"),
        "judged": in_words(judged_for_run(found)),
        "preview": _preview(found),
        "alarms": alarms_of([found]),
        "awaiting": found.awaited_by.select_related("run"),
    }
    return render(request, "training/run.html", context)


@workspace_page(*READS)
def run_curve(request: HttpRequest, workspace: Workspace, run: int) -> JsonResponse:
    """One figure's points after a step, in the shape of elements/chart.html."""
    found = run_of(workspace, run)
    name = request.GET.get("name", "")[:60]
    after = request.GET.get("after", "-1")
    after_step = int(after) if after.lstrip("-").isdecimal() and len(after) < 19 else -1
    line = curves.points([found.pk], [name], after=after_step)[found.pk, name]
    answer = curves.chart([(name, line)], _("Step"))
    return JsonResponse(answer, status=STOP_POLLING if found.is_over else 200)


@workspace_page(*READS)
def run_compare(request: HttpRequest, workspace: Workspace) -> HttpResponse:
    """Curves of several runs over one another, and where their settings differ."""
    chosen = [int(pk) for pk in request.GET.getlist("run") if pk.isdecimal() and len(pk) < 19]
    runs = list(runs_in(workspace).filter(pk__in=chosen[:MOST_COMPARED]).order_by("pk"))
    names = curves.names_of(runs)
    found = curves.points([run.pk for run in runs])
    objective, evaluation, others = curves.ordered(names)
    context = {
        "runs": runs,
        "charts": [
            {
                "id": _chart_id(name),
                "name": name,
                "chart": curves.chart(
                    [(run.name, found[run.pk, name]) for run in runs if (run.pk, name) in found],
                    _("Step"),
                ),
            }
            for name in [*objective, *evaluation, *others]
        ],
        "differences": differences([run.config for run in runs]),
        "candidates": runs_in(workspace).filter(purpose=Purpose.RUN)[:50],
        "chosen": {run.pk for run in runs},
    }
    return render(request, "training/run_compare.html", context)


@workspace_page(*READS)
def run_rollouts(request: HttpRequest, workspace: Workspace, run: int) -> HttpResponse:
    """Answers of an on-policy run token by token."""
    found = run_of(workspace, run)
    events = found.events.filter(kind="rollout")
    steps = list(events.order_by("step").values_list("step", flat=True).distinct())
    wanted = request.GET.get("step", "")
    step = int(wanted) if wanted.isdecimal() and int(wanted) in steps else (steps or [None])[-1]
    rows = [_rollout(event.data) for event in events.filter(step=step)[:MOST_ROLLOUTS]]
    context = {"run": found, "steps": steps, "step": step, "rollouts": rows}
    return render(request, "training/run_rollouts.html", context)


@workspace_page(*MANAGES, methods=("POST",))
def run_stop(request: HttpRequest, workspace: Workspace, run: int) -> HttpResponse:
    return _act(request, workspace, run_of(workspace, run), cancel)


@workspace_page(*MANAGES, methods=("POST",))
def run_resume(request: HttpRequest, workspace: Workspace, run: int) -> HttpResponse:
    return _act(request, workspace, run_of(workspace, run), retry)


@workspace_page(*READS)
def run_file(
    request: HttpRequest, workspace: Workspace, run: int, position: int
) -> HttpResponseBase:
    found = run_of(workspace, run)
    if position >= len(found.artifacts):
        raise Http404(_("This run has no such file."))
    try:
        return download(Artifact(**found.artifacts[position]))
    except FileNotFoundError:
        raise Http404(_("The file is missing from the store.")) from None


# ---- parts


def _row(run: TrainingRun, outlook: Outlook, starts: dict[int, int]) -> dict[str, Any]:
    waits = ""
    if run.job is None:
        awaited = [use.made_by for use in run.models.all() if use.version_id is None]
        waits = _("Waits for the model of %(runs)s.") % {
            "runs": ", ".join(str(each) for each in awaited)
        }
    elif not run.is_over:
        waits = outlook.reason(run.job)
    return {"run": run, "job": run.job, "reason": waits, "starts": starts.get(run.job_id or 0)}


def _progress(run: TrainingRun) -> dict[str, Any]:
    samples = list(run.events.filter(kind="sample").order_by("-pk")[:MOST_SAMPLES])
    warnings = run.events.filter(kind="warning").order_by("-pk")[:10]
    return {
        "samples": _by_prompt(samples),
        "warnings": warnings,
        "versions": run.versions.all(),
        "checkpoints": run.checkpoints.all(),
        "rollouts": run.events.filter(kind="rollout").exists(),
        "measurable": has_answers(run),
    }


def _by_prompt(samples: list[Any]) -> list[dict[str, Any]]:
    """Sample texts, the newest first, gathered under their prompts."""
    found: dict[str, list[Any]] = {}
    for event in samples:
        prompt = event.data.get("prompt", "")
        if isinstance(prompt, list):
            prompt = "\n".join(str(turn.get("content", "")) for turn in prompt)
        found.setdefault(str(prompt), []).append(event)
    return [{"prompt": prompt, "events": events} for prompt, events in found.items()]


def _charts(run: TrainingRun) -> dict[str, Any]:
    names = curves.names_of([run])
    found = curves.points([run.pk])
    objective, evaluation, others = curves.ordered(names)
    base = reverse("training:run_curve", args=[run.workspace.slug, run.pk])

    def charts(group: list[str]) -> list[dict[str, Any]]:
        return [
            {
                "id": _chart_id(name),
                "name": name,
                "meaning": curves.meaning(name),
                "chart": curves.chart([(name, found[run.pk, name])], _("Step")),
                "url": None if run.is_over else f"{base}?name={name}",
            }
            for name in group
        ]

    return {
        "names_hash": _hash(names),
        "groups": [
            {"label": _("Objective"), "charts": charts(objective), "open": True},
            {"label": _("Evaluation"), "charts": charts(evaluation), "open": True},
            {"label": _("Everything else"), "charts": charts(others), "open": False},
        ],
        "has_charts": bool(names),
    }


def _charts_again(request: HttpRequest, run: TrainingRun) -> HttpResponse:
    """All curves anew when there are new names; nothing (204) when the page has them all."""
    known = request.GET.get("known", "")
    if known == _hash(curves.names_of([run])):
        return HttpResponse(status=STOP_POLLING if run.is_over else 204)
    return render(request, "training/_charts.html", {"run": run, **_charts(run)})


def _preview(run: TrainingRun) -> dict[str, Any] | None:
    if run.purpose != Purpose.PREVIEW or not run.result:
        return None
    report = dict(run.result.get("report") or {})
    return {"batch": report.pop("batch", []), "report": report}


def _rollout(data: dict[str, Any]) -> dict[str, Any]:
    """One answer with the check of E9: the token rewards add up to the shaped score less the KL."""
    tokens = data.get("tokens") or []
    kl = sum(token.get("kl") or 0.0 for token in tokens)
    reward = sum(token.get("reward") or 0.0 for token in tokens)
    largest = max([abs(token.get("advantage") or 0.0) for token in tokens] or [0.0]) or 1.0
    for token in tokens:
        share = (token.get("advantage") or 0.0) / largest
        token["shade"] = ("good" if share > 0 else "bad") + f"-{min(4, int(abs(share) * 5))}"
    return {**data, "tokens": tokens, "kl_sum": kl, "reward_sum": reward}


def _act(request: HttpRequest, workspace: Workspace, run: TrainingRun, act: Any) -> HttpResponse:
    try:
        if run.job is None:
            raise ValidationError(_("This run waits for another one; it has not begun."))
        act(job=run.job, by=request.user)
    except ValidationError as refused:
        messages.error(request, " ".join(refused.messages))
    return redirect("training:run", workspace.slug, run.pk)


def _chart_id(name: str) -> str:
    return "chart-" + "".join(c if c.isalnum() else "-" for c in name)


def _hash(names: list[str]) -> str:
    return hashlib.sha256("\n".join(names).encode()).hexdigest()[:12]
