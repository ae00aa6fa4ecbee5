"""The over-optimisation page of a run: proxy and held-out scores, KL, drift, the alarm."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _

from training import curves
from training.access import MANAGES, READS, manages
from training.held_out.across_runs import across_runs
from training.held_out.actions.hold_out import ask_people, measure_run, send_suspicious
from training.held_out.forms import AskPeopleForm, MeasureForm, SuspiciousForm
from training.held_out.queries import Held, OverOptimisation
from training.models import TrainingRun
from training.run_queries import run_of
from webapp.jobs.queries import Outlook
from webapp.workspaces.access import workspace_page
from webapp.workspaces.models import Workspace

STOP_POLLING = 286
SHOWN_SUSPECTS = 12
Line = list[tuple[int, float | None]]


@workspace_page(*READS)
def over_optimisation(request: HttpRequest, workspace: Workspace, run: int) -> HttpResponse:
    found = OverOptimisation(run_of(workspace, run))
    context = {"run": found.run, "manages": manages(workspace), **_held_context(found)}
    if request.headers.get("HX-Request"):
        answer = render(request, "training/_held_out_state.html", context)
        if not context["scoring"]:
            answer.status_code = STOP_POLLING
            answer["HX-Refresh"] = "true"  # new scores: the whole page is another one now
        return answer
    context |= {
        "charts": charts_of(found),
        "drift": [_chart(name, label, [(label, line)]) for name, label, line in _drift(found)],
        "length_correlation": found.length_correlation(),
        "across": across_runs(found),
        "measure_form": MeasureForm(found.run),
        "people_form": AskPeopleForm(found.run),
    }
    return render(request, "training/over_optimisation.html", context)


@workspace_page(*MANAGES, methods=("POST",))
def hold_out(request: HttpRequest, workspace: Workspace, run: int) -> HttpResponse:
    """Have the answers scored: by a reward model, a judge, or people."""
    found = run_of(workspace, run)
    people = request.POST.get("by") == "people"
    form: Any = (AskPeopleForm if people else MeasureForm)(found, request.POST)
    try:
        if not form.is_valid():
            raise ValidationError([str(e) for errors in form.errors.values() for e in errors])
        if people:
            measure = ask_people(run=found, by=request.user, **form.cleaned_data)
            assert measure.campaign is not None
            messages.success(request, _("The campaign “%s” is open.") % measure.campaign.name)
        else:
            measure_run(run=found, by=request.user, **form.scorer())
    except ValidationError as refused:
        messages.error(request, " ".join(refused.messages))
    return redirect("training:over_optimisation", workspace.slug, found.pk)


@workspace_page(*MANAGES, methods=("POST",))
def suspicious_send(request: HttpRequest, workspace: Workspace, run: int) -> HttpResponse:
    """The suspicious answers of one measure into a new campaign."""
    found = OverOptimisation(run_of(workspace, run))
    form = SuspiciousForm(found.run, request.POST)
    try:
        if not form.is_valid():
            raise ValidationError([str(e) for errors in form.errors.values() for e in errors])
        held = next(h for h in found.held if h.measure.pk == form.cleaned_data["measure"].pk)
        campaign, count = send_suspicious(
            run=found.run,
            by=request.user,
            name=form.cleaned_data["name"],
            answers=[suspect.answer for suspect in found.suspects(held)],
        )
        messages.success(
            request,
            _("%(count)d answers are in the campaign “%(name)s”.")
            % {"count": count, "name": campaign.name},
        )
        return redirect("annotation:campaign", workspace.slug, campaign.pk)
    except ValidationError as refused:
        messages.error(request, " ".join(refused.messages))
    return redirect("training:over_optimisation", workspace.slug, found.run.pk)


# ---- what the page shows


def _held_context(found: OverOptimisation) -> dict[str, Any]:
    outlook = Outlook()
    rows = []
    for held in found.held:
        job = held.measure.job
        going = job is not None and not job.is_finished
        suspects = found.suspects(held)
        rows.append(
            {
                "held": held,
                "job": job,
                "going": going,
                "reason": outlook.reason(job) if going and job is not None else "",
                "parted": parted(held),
                "unscored": len(found.answers) - held.answers,
                "suspects": suspects[:SHOWN_SUSPECTS],
                "suspect_count": len(suspects),
                "name": _free_name(found.run, held),
            }
        )
    return {
        "answers": found.answers,
        "has_proxy": any(answer.proxy is not None for answer in found.answers),
        "rows": rows,
        "scoring": any(row["going"] for row in rows),
    }


def parted(held: Held) -> dict[str, Any] | None:
    """The alarm in the page's words: the steps between which they parted, and by how much."""
    alarm = held.alarm
    if alarm is None:
        return None
    windows = held.verdict.windows
    return {
        "best": windows[alarm.best].last,
        "now": windows[alarm.now].last,
        "rise": alarm.proxy_rise,
        "fall": alarm.held_out_fall,
        "p": alarm.p_fall,
    }


def _free_name(run: TrainingRun, held: Held) -> str:
    return f"{run.name}: {_('suspicious')} ({held.measure})"[:100]


def charts_of(found: OverOptimisation) -> list[dict[str, Any]]:
    """Over steps: proxy, each held-out score, KL. Over the KL: both, as Gao et al. draw them."""
    proxy, kl = found.proxy(), found.kl()
    shown = [_chart("proxy", _("Proxy: the reward it learns from"), [(_("proxy"), proxy)])]
    for held in found.held:
        line = found.curve(held)
        if line:
            name = str(held.measure)
            label = _("Held out: %s") % name
            shown.append(_chart(f"held-{held.measure.pk}", label, [(name, line)]))
    if kl:
        shown.append(_chart("kl", _("KL to the reference (nats an answer)"), [("KL", kl)]))
        against = [(_("proxy"), over_kl(proxy, kl))]
        against += [(str(held.measure), over_kl(found.curve(held), kl)) for held in found.held]
        drawn = [(name, line) for name, line in against if line]
        shown.append(
            _chart("against-kl", _("Both against the KL, standardised"), drawn, x=_("KL (nats)"))
        )
    return [each for each in shown if each["chart"]["x"]["values"]]


def over_kl(line: Line, kl: Line) -> list[tuple[float, float | None]]:
    """(KL at the step, standardised value): two scores with scales of their own in one picture."""
    known = [(step, value) for step, value in line if value is not None]
    at = sorted((step, value) for step, value in kl if value is not None)
    if len(known) < 2 or not at:
        return []
    values = [value for _step, value in known]
    middle = sum(values) / len(values)
    spread = (sum((value - middle) ** 2 for value in values) / len(values)) ** 0.5 or 1.0
    found: dict[float, float | None] = {}
    for step, value in known:
        before = [k for s, k in at if s <= step] or [at[0][1]]
        found[round(before[-1], 4)] = (value - middle) / spread
    return sorted(found.items())


def _drift(found: OverOptimisation) -> list[tuple[str, str, Line]]:
    labels = {
        "length": _("Length in words"),
        "distinct": _("Share of distinct words"),
        "lists": _("List items"),
        "headers": _("Headers"),
        "bold": _("Bold passages"),
    }
    lines = found.drift()
    return [(name, label, lines[name]) for name, label in labels.items() if name in lines]


def _chart(name: str, title: str, lines: Any, *, x: str = "") -> dict[str, Any]:
    return {"id": f"chart-{name}", "title": title, "chart": curves.chart(lines, x or _("Step"))}
