"""Counting and freezing of boards that are too large for a page."""

from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from annotation.boards.kinds import FREEZE, KIND, STOP
from annotation.models import Board
from webapp.jobs import JobFailed, Work, job_kind
from webapp.jobs.models import Job


def _page(job: Job) -> str | None:
    board = job.arguments.get("board")
    if job.workspace is None or not board:
        return None
    return reverse("annotation:board", args=[job.workspace.slug, board])


def _board(work: Work) -> Board:
    found = Board.objects.filter(pk=work.arguments["board"], workspace=work.job.workspace).first()
    if found is None:
        raise JobFailed(_("The board was deleted meanwhile; there is nothing to count."))
    return found


@job_kind(KIND, label=gettext_lazy("Figures of a board"), max_attempts=3, page=_page)
def run_refresh(work: Work) -> dict[str, Any]:
    """Count a board; the result says how many judgements stand behind the figures."""
    # Here and not above: scipy holds 67 MB, and most processes that know the kind never count.
    from annotation.boards.actions.refresh_board import refresh_board
    from annotation.boards.actions.stop_campaigns import stop_where_decided

    stages = {"reading": _("Reading votes"), "texts": _("Reading texts")}

    def progress(stage: str, done: int, total: int | None) -> None:
        work.progress(done, total, stages.get(stage, _("Computing figures")))

    report = refresh_board(
        board=_board(work),
        anew=bool(work.arguments.get("anew")),
        progress=progress,
        fenced=work.fenced,
    )
    stop_where_decided(board=report.board, content=report.content)
    return {"votes": report.votes, "seconds": round(report.seconds, 2)}


@job_kind(STOP, label=gettext_lazy("Stopping rule of a board"), max_attempts=2, page=_page)
def run_stop(work: Work) -> dict[str, Any]:
    """Look whether a board's rule has decided, counting it first where it is large."""
    from annotation.boards.actions.refresh_board import refresh_board
    from annotation.boards.actions.stop_campaigns import stop_where_decided
    from annotation.boards.queries import shown

    board = _board(work)
    work.progress(0, None, _("Looking at the votes"))
    now = shown(board)
    content = now.content
    if now.state != "fresh":
        content = refresh_board(board=board, fenced=work.fenced).content
    paused = stop_where_decided(board=board, content=content)
    return {"paused": [campaign.pk for campaign in paused]}


@job_kind(FREEZE, label=gettext_lazy("Snapshot of a board"), max_attempts=2, page=_page)
def run_freeze(work: Work) -> dict[str, Any]:
    """Freeze a board under the name that was asked for."""
    from annotation.boards.actions.freeze_board import freeze_board

    board = _board(work)
    done = board.snapshots.filter(name=work.arguments["name"]).first()
    if done is None:  # an attempt that was broken off after its write is not done twice
        work.progress(0, None, _("Reading votes"))
        done = freeze_board(board=board, by=work.job.owner, name=work.arguments["name"])
    return {"snapshot": done.pk, "votes": done.votes}
