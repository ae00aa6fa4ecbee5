"""Up to where a board's votes were read, and what came or went since.

A judgement's id grows with time, but one that was begun earlier may be committed later. So each
reading remembers up to which id all transactions had ended (`settled`), and the next one looks
again at everything above it.
"""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from django.db import connection
from django.db.models import Max, QuerySet

from annotation.boards.votes import Votes
from annotation.judgement_filter import JudgementFilter
from annotation.models import ChangedVotes, Comparison, Ranking, Rating
from webapp.workspaces.models import Workspace


@dataclass(frozen=True)
class Mark:
    """Up to where the tables were read. comparisons, rankings: the newest ids seen.

    settled_*: ids up to which nothing can appear any more. xmax: the transaction that was next.
    snapshot: which transactions had ended, as pg_current_snapshot() writes it.
    """

    comparisons: int = 0
    rankings: int = 0
    settled_comparisons: int = 0
    settled_rankings: int = 0
    xmax: int = 0
    at: float = 0.0  # when, in seconds since 1970
    snapshot: str = ""

    def as_json(self) -> dict[str, float | str]:
        return dict(vars(self))

    def saw(self, transaction: int) -> bool:
        """Whether this transaction had ended: `oldest:next:running,running`."""
        _oldest, following, running = (self.snapshot or "0:0:").split(":")
        return transaction < int(following) and str(transaction) not in running.split(",")


def ratings_of(workspace: Workspace, chosen: JudgementFilter) -> QuerySet[Rating]:
    """Scores of single answers by people, for the report on consistency."""
    return chosen.apply(Rating.objects.filter(prompt__workspace=workspace, source="human"))


def judgements_of(
    workspace: Workspace, chosen: JudgementFilter
) -> tuple[QuerySet[Comparison], QuerySet[Ranking]]:
    """What a board counts, before anything is left out for being a repeat or a leak."""
    comparisons = Comparison.objects.filter(prompt__workspace=workspace)
    rankings = Ranking.objects.filter(prompt__workspace=workspace)
    return chosen.apply(comparisons), chosen.apply(rankings)


def newer_than(workspace: Workspace, chosen: JudgementFilter, mark: Mark, most: int) -> int:
    """How many judgements were added since, counted up to `most`: a few index look-ups."""
    comparisons, rankings = judgements_of(workspace, chosen)
    found = comparisons.filter(pk__gt=mark.comparisons).order_by("pk")[:most].count()
    return found + rankings.filter(pk__gt=mark.rankings).order_by("pk")[:most].count()


def changed_since(workspace: Workspace, mark: Mark) -> bool:
    """Whether counted votes left or came back since without a newer row: then all are read anew."""
    last = ChangedVotes.objects.filter(workspace=workspace).values_list("transaction", flat=True)
    return any(not mark.saw(transaction) for transaction in last)


def count_up_to(workspace: Workspace, chosen: JudgementFilter, most: int) -> int:
    """How many judgements there are, counted up to `most`.

    A board without a filter stops at the first `most` rows by their key: to look for corrections
    among a million rows would take seconds.
    """
    if not chosen.as_json():
        found = 0
        for model in (Comparison, Ranking):
            rows: Any = model._default_manager.filter(
                prompt__workspace=workspace, withdrawn_at__isnull=True
            )
            found += rows.order_by("pk").values("pk")[:most].count()
        if found >= most:
            return found
    comparisons, rankings = judgements_of(workspace, chosen)
    return int(comparisons.order_by("pk")[:most].count() + rankings.order_by("pk")[:most].count())


def next_mark(before: Mark) -> Mark:
    """Where a reading that begins now will stand.

    Call it first: a row that comes in between is read, and looked at again the next time.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_snapshot_xmin(s)::text::bigint, pg_snapshot_xmax(s)::text::bigint, s::text "
            "FROM pg_current_snapshot() s"
        )
        oldest, following, snapshot = cursor.fetchone()
    comparisons = Comparison.objects.aggregate(last=Max("pk"))["last"] or 0
    rankings = Ranking.objects.aggregate(last=Max("pk"))["last"] or 0
    over = oldest >= before.xmax  # everything that ran at the last reading has ended
    return Mark(
        comparisons,
        rankings,
        before.comparisons if over else before.settled_comparisons,
        before.rankings if over else before.settled_rankings,
        following,
        time.time(),
        snapshot,
    )


def without(votes: Votes, gone: Iterable[int]) -> Votes:
    """The rows whose judgements still count. gone: ids as in the column `vote`."""
    removed = np.fromiter(gone, dtype=np.int64)
    return votes.keep(~np.isin(votes["vote"], removed)) if len(removed) else votes


def gone_since(workspace: Workspace, mark: Mark) -> set[int]:
    """Judgements that a newer version replaced since the mark, and all that are withdrawn."""
    found: set[int] = set()
    for model, sign, settled in (
        (Comparison, 1, mark.settled_comparisons),
        (Ranking, -1, mark.settled_rankings),
    ):
        rows: Any = model._default_manager.filter(prompt__workspace=workspace)
        left = rows.filter(withdrawn_at__isnull=False).values_list("pk", flat=True)
        newer = rows.filter(pk__gt=settled, supersedes__isnull=False)
        found |= {sign * pk for pk in left}
        found |= {sign * pk for pk in newer.values_list("supersedes_id", flat=True)}
    return found
