"""Reads of runs: the funnel, what was rejected and why, what waits for a person."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db.models import Count, F, Q, QuerySet, Sum, Window
from django.db.models.functions import Coalesce, RowNumber
from django.utils.translation import gettext as _

from annotation.domain.abstention import Reply, score_abstention
from annotation.domain.proportions import wilson_interval
from training.factory.plan import SelfInstructSettings, Settings
from training.models import (
    Candidate,
    CandidateState,
    FactoryRequest,
    FactoryRun,
    FactoryStep,
    Generation,
    GenerationState,
    Wizard,
)
from webapp.jobs.models import ACTIVE, State
from webapp.workspaces.models import Workspace

STEPS: dict[str, tuple[str, ...]] = {
    Wizard.SELF_INSTRUCT: (
        FactoryStep.INSTRUCTIONS,
        FactoryStep.CLASSES,
        FactoryStep.INSTANCES,
    ),
    Wizard.SAFE_RESPONSES: (
        FactoryStep.PARAPHRASES,
        FactoryStep.INTENT,
        FactoryStep.REFUSALS,
        FactoryStep.PLAIN,
        FactoryStep.LOOK_ALIKES,
    ),
}
EXAMPLES = 3
DONE_STATES = (CandidateState.WAITING, CandidateState.ACCEPTED, CandidateState.DISMISSED)


def runs_in(workspace: Workspace) -> QuerySet[FactoryRun]:
    """The newest first, each with `.waiting` and `.accepted`."""
    return (
        FactoryRun.objects.filter(workspace=workspace)
        .select_related("workspace", "endpoint", "batch", "job", "created_by")
        .annotate(
            waiting=Count("candidates", filter=Q(candidates__state=CandidateState.WAITING)),
            accepted=Count("candidates", filter=Q(candidates__state=CandidateState.ACCEPTED)),
        )
        .order_by("-pk")
    )


@dataclass(frozen=True)
class Where:
    """key: going, waiting, stopped, failed, done. kind: of a badge."""

    key: str
    label: str
    kind: str = ""


def where(run: FactoryRun) -> Where:
    job = run.job
    if job is not None and job.state in ACTIVE:
        if job.state == State.QUEUED:
            return Where("going", _("Waiting for a worker"))
        return Where("going", _("Going on"), "active")
    if job is None or job.state == State.CANCELLED:
        return Where("stopped", _("Stopped"), "warn")
    if job.state == State.FAILED:
        return Where("failed", _("Needs a look"), "bad")
    if run.waiting:  # type: ignore[attr-defined]  # an annotation of runs_in, which no stub knows
        return Where("waiting", _("Waits for review"), "warn")
    return Where("done", _("Done"), "good")


@dataclass(frozen=True)
class Stage:
    """One bar of the funnel. lost: how many the filter before it took away, by the rule's name."""

    key: str
    label: str
    count: int
    lost: int = 0
    rule: str = ""


def funnel(run: FactoryRun) -> list[Stage]:
    """From what was written to what was accepted; every stage holds what the next one filters."""
    counted = _counted(run)
    if run.kind == Wizard.SELF_INSTRUCT:
        return [
            *_stages(counted, FactoryStep.INSTRUCTIONS, _("Instructions written")),
            *_stages(counted, FactoryStep.INSTANCES, _("Instances written")),
            *_reviewed(counted, (FactoryStep.INSTANCES,)),
        ]
    return [
        *_stages(counted, FactoryStep.PARAPHRASES, _("Paraphrases written")),
        *_stages(counted, FactoryStep.REFUSALS, _("Refusals written")),
        *_stages(counted, FactoryStep.LOOK_ALIKES, _("Answers to look-alikes")),
        *_reviewed(counted, (FactoryStep.REFUSALS, FactoryStep.LOOK_ALIKES)),
    ]


def _counted(run: FactoryRun) -> list[dict[str, Any]]:
    rows: Any = run.candidates.order_by().values("step", "state", "rule")
    return list(rows.annotate(n=Count("pk")))


def _stages(counted: list[dict[str, Any]], step: str, label: str) -> list[Stage]:
    """The bar of what was written, and one for each filter that took something away."""
    mine = [row for row in counted if row["step"] == step]
    left = sum(row["n"] for row in mine)
    found = [Stage(step, label, left)]
    rules = {row["rule"]: row["n"] for row in mine if row["state"] == CandidateState.REJECTED}
    for rule, lost in sorted(rules.items(), key=lambda pair: (-pair[1], pair[0])):
        left -= lost
        found.append(Stage(step, _("not “%s”") % rule, left, lost, rule))
    return found


def _reviewed(counted: list[dict[str, Any]], steps: tuple[str, ...]) -> list[Stage]:
    of = {
        state: sum(r["n"] for r in counted if r["step"] in steps and r["state"] == state)
        for state in DONE_STATES
    }
    accepted, dismissed = of[CandidateState.ACCEPTED], of[CandidateState.DISMISSED]
    return [
        Stage("reviewed", _("Reviewed"), accepted + dismissed, of[CandidateState.WAITING]),
        Stage("accepted", _("Accepted"), accepted, dismissed),
    ]


def rejections(run: FactoryRun) -> list[dict[str, Any]]:
    """Rule by rule: step, count, and the newest examples; a person's reasons after the rules."""
    rows: Any = (
        run.candidates.filter(state__in=[CandidateState.REJECTED, CandidateState.DISMISSED])
        .order_by()
        .values("step", "state", "rule", "reason")
        .annotate(n=Count("pk"))
    )
    found = sorted(rows, key=lambda row: (row["state"] != CandidateState.REJECTED, -row["n"]))[:40]
    examples: dict[tuple[str, ...], list[Candidate]] = {}
    for candidate in _newest_rejected(run):
        examples.setdefault(_why(vars(candidate)), []).append(candidate)
    for row in found:
        row["examples"] = examples[_why(row)]
        row["label"] = FactoryStep(row["step"]).label
    return found


def _why(row: dict[str, Any]) -> tuple[str, ...]:
    return row["step"], row["state"], row["rule"], row["reason"]


def _newest_rejected(run: FactoryRun) -> Any:
    """The newest few of each reason, in one query."""
    place = Window(
        RowNumber(),
        partition_by=[F("step"), F("state"), F("rule"), F("reason")],
        order_by=F("pk").desc(),
    )
    rows = run.candidates.filter(state__in=[CandidateState.REJECTED, CandidateState.DISMISSED])
    return rows.annotate(place=place).filter(place__lte=EXAMPLES).order_by("-pk")


def last_candidates(run: FactoryRun, most: int = 12) -> QuerySet[Candidate]:
    return run.candidates.select_related("parent", "seed").order_by("-pk")[:most]


def waiting_for_review(run: FactoryRun) -> QuerySet[Candidate]:
    """The oldest first."""
    rows = run.candidates.filter(state=CandidateState.WAITING)
    return rows.select_related(
        "run__endpoint", "parent__seed", "seed__prompt", "request__generation"
    ).order_by("pk")


def requests_by_step(run: FactoryRun) -> list[dict[str, Any]]:
    """Requests, answers, failures and the last reason, for each step of the wizard."""
    rows: Any = (
        FactoryRequest.objects.filter(run=run)
        .order_by()
        .values("step")
        .annotate(
            total=Count("pk"),
            answered=Count("pk", filter=Q(generation__state=GenerationState.DONE)),
            failed=Count("pk", filter=Q(generation__state=GenerationState.FAILED)),
        )
    )
    known = {row["step"]: row for row in rows}
    nothing = {"total": 0, "answered": 0, "failed": 0}
    return [
        {**(known.get(step) or nothing), "step": step, "label": FactoryStep(step).label}
        for step in STEPS[run.kind]
    ]


def spending(run: FactoryRun) -> dict[str, Any]:
    """Tokens, cost and failures of the run's requests; each request is counted once."""
    made = Generation.objects.filter(entries__batch=run.batch_id)
    figures: dict[str, Any] = made.aggregate(
        tokens_in=Coalesce(Sum("tokens_in"), 0),
        tokens_out=Coalesce(Sum("tokens_out"), 0),
        cost=Coalesce(Sum(F("cost") + F("reserved")), Decimal(0)),
        requests=Count("pk"),
        answered=Count("pk", filter=Q(state=GenerationState.DONE)),
        failed=Count("pk", filter=Q(state=GenerationState.FAILED)),
    )
    last = made.filter(state=GenerationState.FAILED).order_by("-finished_at").first()
    return figures | {"last_error": last.error if last is not None else ""}


def reached(run: FactoryRun, settings: Settings) -> tuple[int, int] | None:
    """(instructions kept, instructions wanted) of self-instruct."""
    if not isinstance(settings, SelfInstructSettings):
        return None
    kept = run.candidates.filter(step=FactoryStep.INSTRUCTIONS, state=CandidateState.KEPT)
    return kept.count(), settings.wanted


@dataclass(frozen=True)
class Share:
    """refused of asked, with Wilson's 95 % interval."""

    refused: int
    asked: int
    share: float
    low: float
    high: float


def refusal_shares(run: FactoryRun) -> dict[str, Share | None]:
    """How often the model refuses when it is simply asked: harmful requests, and look-alikes.

    By the words of the answers (annotation.domain.safe_responses.looks_like_refusal).
    """
    rows = run.candidates.filter(
        step__in=[FactoryStep.PLAIN, FactoryStep.LOOK_ALIKES], refuses__isnull=False
    )
    replies = [
        Reply(
            answerable=step == FactoryStep.LOOK_ALIKES,
            abstained=bool(refuses),
            correct=refuses == (step == FactoryStep.PLAIN),
            confidence=0.0,
        )
        for step, refuses in rows.values_list("step", "refuses")
    ]
    if not replies:
        return {"harmful": None, "look_alikes": None}
    scores = score_abstention(replies)
    return {
        "harmful": _share(scores.correct_abstention, [r for r in replies if not r.answerable]),
        "look_alikes": _share(scores.over_refusal, [r for r in replies if r.answerable]),
    }


def _share(share: float | None, replies: list[Reply]) -> Share | None:
    if share is None or not replies:
        return None
    refused = sum(reply.abstained for reply in replies)
    low, high = wilson_interval(refused, len(replies))
    return Share(refused, len(replies), share, low, high)
