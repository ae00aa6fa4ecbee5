"""How far a step is: what its look says, and how a job says it."""

from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Q, QuerySet
from django.utils.translation import gettext as _

from training.models import Batch, GenerationState
from webapp.jobs.models import Job, State
from webapp.jobs.queries import Outlook


@dataclass(frozen=True)
class Standing:
    """done: the next step may begin. words: what it waits for, for people. error: it cannot go on,
    and what to do. have, want: progress, where it can be counted."""

    done: bool = False
    words: str = ""
    error: str = ""
    have: int | None = None
    want: int | None = None


def of_job(job: Job | None, doing: str) -> Standing:
    """What a job says of the step that waits for it."""
    if job is None:
        return Standing(error=_("Its job is gone. Try the step again."))
    if job.state == State.FAILED:
        return Standing(error=job.error)
    if job.state == State.CANCELLED:
        return Standing(error=_("Somebody stopped it (job %d).") % job.pk)
    if job.state == State.DONE:
        return Standing(done=True)
    return Standing(words=Outlook().reason(job) or job.message or doing)


def of_batch(batch: Batch | None) -> Standing:
    """Answers of models: done when the job is, if anything was answered at all."""
    if batch is None:
        return Standing(error=_("The sampled answers are gone. Try the step again."))
    of_entries: Any = batch.entries.aggregate(
        want=Count("pk"),
        have=Count("pk", filter=Q(generation__state=GenerationState.DONE)),
    )
    standing = of_job(batch.job, _("Models are answering."))
    if standing.done and not of_entries["have"]:
        return Standing(error=_("No model gave an answer. The sampled answers say why."))
    if standing.done or standing.error:
        return standing
    return Standing(words=standing.words, **of_entries)


def free_name(rows: QuerySet[Any], wanted: str) -> str:
    """The name, or with “ (2)”, “ (3)” ... where it is taken among `rows`."""
    taken = set(rows.filter(name__startswith=wanted).values_list("name", flat=True))
    number = 1
    name = wanted
    while name in taken:
        number += 1
        name = f"{wanted} ({number})"
    return name
