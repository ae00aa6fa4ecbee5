"""Reads of studies: the list, and where one stands."""

from dataclasses import dataclass

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from training.models import Study
from training.studies.plan import ANSWER
from webapp.jobs.models import State
from webapp.workspaces.models import Workspace

MOVING = ("waiting", "queued", "running")


def studies_in(workspace: Workspace) -> QuerySet[Study]:
    """A workspace's studies, the newest first."""
    found = Study.objects.filter(workspace=workspace).select_related(
        *("workspace", "snapshot", "base", "answers__job", "comparison", "created_by")
    )
    return found.prefetch_related("runs__run__job").order_by("-pk")


@dataclass(frozen=True)
class Where:
    """key: training, stopped, trained, answering, answered, comparing or done. words: what is to
    be done or waited for. act: what a manager's button does: ask or compare."""

    key: str
    label: str
    kind: str
    words: str
    act: str = ""


def where(study: Study) -> Where:
    states = [point.run.state for point in study.runs.all()]
    moving = sum(state in MOVING for state in states)
    if moving:
        words = ngettext("%d run is on its way.", "%d runs are on their way.", moving) % moving
        return Where("training", _("Training"), "active", words)
    ended = sum(state != "done" for state in states)
    if ended:
        words = ngettext("%d run failed or was stopped.", "%d runs failed or were stopped.", ended)
        return Where("stopped", _("Needs a look"), "bad", words % ended)
    if study.method not in ANSWER:
        return Where("done", _("Done"), "good", _("All runs are done."))
    return _comparison(study)


def _comparison(study: Study) -> Where:
    if study.answers is None:
        words = _("All runs are done. For a win rate, let the models answer held-out prompts.")
        return Where("trained", _("Trained"), "good", words, "ask")
    if study.comparison is not None:
        words = _("People compare each model with the one that it began from.")
        return Where("comparing", _("Being compared"), "active", words)
    job = study.answers.job
    if job is not None and job.state == State.DONE:
        words = _("The models have answered. Let people compare them with the base.")
        return Where("answered", _("Answered"), "good", words, "compare")
    if job is None or job.state in (State.FAILED, State.CANCELLED):
        words = job.error if job is not None and job.error else _("Their answers were stopped.")
        return Where("stopped", _("Needs a look"), "bad", words)
    return Where("answering", _("Answering"), "active", _("The models are answering."))
