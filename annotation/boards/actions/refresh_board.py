"""Bring a board's figures up to date: read what is new, drop what is gone, compute, keep."""

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from annotation.boards.counts import KeptCounts
from annotation.boards.kinds import KIND
from annotation.boards.marks import (
    Mark,
    changed_since,
    gone_since,
    judgements_of,
    next_mark,
    ratings_of,
    without,
)
from annotation.boards.queries import definition_of, filter_of
from annotation.boards.read_votes import Reading
from annotation.boards.report import CODE_VERSION, board_report, counted_by_source
from annotation.boards.votes import UnreadableVotes, Votes, read_votes, write_votes
from annotation.models import Board, BoardReport
from webapp import artifacts
from webapp.jobs import enqueue
from webapp.jobs.models import ACTIVE, Job

# Tags, languages and names of people change without a new vote; so now and then all is read anew.
ANEW_AFTER = timedelta(hours=24)
Progress = Callable[[str, int, int | None], None]


def ask_for_refresh(*, board: Board, by: Any, anew: bool = False) -> Job | None:
    """A job that counts the board, unless one is waiting or running; None when there is one.

    anew: read every vote again, instead of those that came or went.
    """
    with transaction.atomic():
        Board.objects.select_for_update().get(pk=board.pk)
        if refreshing(board) is not None:
            return None
        return enqueue(
            kind=KIND,
            owner=by,
            workspace=board.workspace,
            arguments={"board": board.pk, "anew": anew},
        )


def refreshing(board: Board) -> Job | None:
    """The job that is counting this board now, or will."""
    return Job.objects.filter(
        kind=KIND, workspace=board.workspace_id, state__in=ACTIVE, arguments__board=board.pk
    ).first()


def refresh_board(
    *,
    board: Board,
    anew: bool = False,
    progress: Progress = lambda stage, done, total: None,
    fenced: Callable[[], Any] = transaction.atomic,
) -> BoardReport:
    """Read, compute and keep. `fenced` opens the transaction of the write (a job's own).

    Only rows that came since the last reading are read, unless the filter changed, votes were taken
    out or put back, a day went by or `anew` says so; then everything is.
    """
    begun = time.monotonic()
    board = Board.objects.select_related("workspace").get(pk=board.pk)
    report = BoardReport.objects.filter(board=board).first()
    before = None if anew else _earlier_votes(board, report)
    old = Mark(**report.mark) if report is not None and before is not None else Mark()
    mark = next_mark(old)
    if before is not None and changed_since(board.workspace, old):  # asked after the new mark
        before, mark = None, replace(mark, settled_comparisons=0, settled_rankings=0)
    votes = _read(board, before, mark, progress)
    definition = definition_of(board)
    parts = counted_by_source(votes, definition)
    content = board_report(votes, definition, lambda stage: progress(stage, 0, None), parts)
    counts = KeptCounts.of(parts, content)
    path = f"boards/{board.pk}/votes-{mark.xmax}-{int(time.time() * 1000)}.npz"
    with artifacts.writing(path, name="votes.npz", content_type="application/zip") as file:
        write_votes(votes, file)
    assert file.artifact is not None
    now = timezone.now()
    with fenced():
        kept, _made = BoardReport.objects.update_or_create(
            board=board,
            defaults={
                "version": board.version,
                "votes_file": file.artifact.as_dict(),
                "mark": mark.as_json(),
                "fingerprint": votes.fingerprint(),
                "votes": votes.judgements(),
                "content": content,
                "counts": counts.to_bytes() if counts is not None else b"",
                "seconds": time.monotonic() - begun,
                "counted_at": report.counted_at if report and before is not None else now,
                "computed_at": now,
            },
        )
    if report is not None:
        artifacts.delete(report.votes_file["path"])
    return kept


def _earlier_votes(board: Board, report: BoardReport | None) -> Votes | None:
    """The columns of the last reading, where they can be gone on with."""
    if report is None or report.version != board.version:
        return None
    if report.content.get("code_version") != CODE_VERSION:
        return None
    if report.counted_at < timezone.now() - ANEW_AFTER:
        return None
    try:
        with artifacts.reading(report.votes_file["path"]) as file:
            return read_votes(file)
    except (FileNotFoundError, UnreadableVotes):
        return None


def _read(board: Board, before: Votes | None, mark: Mark, progress: Progress) -> Votes:
    chosen = filter_of(board)
    comparisons, rankings = judgements_of(board.workspace, chosen)
    # What came after the mark is for the next count: a page adds it to these counts meanwhile.
    comparisons = comparisons.filter(pk__lte=mark.comparisons)
    rankings = rankings.filter(pk__lte=mark.rankings)
    if before is not None:
        before = without(before, gone_since(board.workspace, mark))
        comparisons = comparisons.filter(pk__gt=mark.settled_comparisons)
        rankings = rankings.filter(pk__gt=mark.settled_rankings)
    reading = Reading(before)
    for read in reading.read(comparisons, rankings):
        progress("reading", read, None)
    progress("texts", 0, None)
    return reading.votes(board.workspace, ratings_of(board.workspace, chosen))
