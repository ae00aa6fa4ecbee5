"""The job that moves a round on; training.tasks imports it."""

from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from training.models import Round
from training.rounds.actions.drive import KIND, advance
from webapp.jobs import JobFailed, Work, job_kind
from webapp.jobs.models import Job


def _page(job: Job) -> str | None:
    if job.workspace is None:
        return None
    return reverse("training:round", args=[job.workspace.slug, job.arguments["round_id"]])


@job_kind(KIND, label=gettext_lazy("Round"), max_attempts=5, resumable=True, page=_page)
def drive_round(work: Work) -> dict[str, Any]:
    """Make every move that can be made now; whatever is waited for wakes another job."""
    pk = work.arguments["round_id"]
    if not Round.objects.filter(pk=pk).exists():
        raise JobFailed(_("The round is gone."))
    moves, moved = 0, True
    while moved:
        with work.fenced():
            moved = advance(round_id=pk)
        moves += moved
        work.progress(moves, None, _("Moving the round on"))
    return {"moves": moves}
