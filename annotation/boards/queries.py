"""Boards as pages, programs and commands read them: the newest figures, and how new they are."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.core.cache import cache
from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.utils import timezone

from annotation.boards.definition import Definition
from annotation.boards.kept_content import content_of
from annotation.boards.live import live_content
from annotation.boards.marks import (
    Mark,
    changed_since,
    count_up_to,
    judgements_of,
    newer_than,
    ratings_of,
)
from annotation.boards.read_votes import Reading
from annotation.boards.report import CODE_VERSION, board_report
from annotation.boards.votes import Votes
from annotation.judgement_filter import JudgementFilter
from annotation.models import Board, BoardSnapshot, Campaign
from webapp.workspaces.models import Workspace

# Up to so many judgements a page counts by itself; above, a job does and the page shows its result.
INLINE = 2_000
COUNTED_UP_TO = 1_000  # newer votes; beyond it the page says "more than"
CACHE_SECONDS = 24 * 3600
PAUSE = 10  # a page asks for the next count after that many times what the last one took


@dataclass(frozen=True)
class Shown:
    """Figures and what is to be said of them.

    state: "fresh"; "behind" (newer votes, or another definition, are being counted); "none" (never
    counted so far). newer: judgements since, at most COUNTED_UP_TO. live: annotation.boards.live
    brought its PARTS to this moment; the others are of `computed_at`. seconds: what the count took.
    """

    content: dict[str, Any] | None
    state: str
    votes: int = 0
    newer: int = 0
    computed_at: datetime | None = None
    fingerprint: str = ""
    changed: bool = False  # the board's own settings changed since
    regrouped: bool = False  # counted votes were taken out, or others put back
    live: bool = False
    seconds: float = 0.0

    @property
    def sources(self) -> dict[str, Any]:
        return (self.content or {}).get("sources", {})

    @property
    def content_key(self) -> str:
        """Changes whenever the figures of the same votes do: the code has changed."""
        return str((self.content or {}).get("code_version", ""))

    @property
    def due(self) -> bool:
        """Whether a page may ask for a count by itself: a large board that is watched while votes
        come in must not be counted without a pause."""
        if self.state != "behind" or self.changed or self.computed_at is None:
            return self.state != "fresh"
        resting = (timezone.now() - self.computed_at).total_seconds()
        return not self.live or resting > PAUSE * self.seconds


def is_small(now: Shown) -> bool:
    """Whether a page may read all votes by itself."""
    return max(now.votes, now.newer) <= INLINE


def boards_in(workspace: Workspace) -> QuerySet[Board]:
    found = Board.objects.filter(workspace=workspace).select_related("report")
    return found.defer("report__content", "report__counts")


def board_of(workspace: Workspace, pk: int) -> Board:
    """Raises Http404: this workspace has no such board."""
    found: Board = get_object_or_404(boards_in(workspace), pk=pk)
    found.workspace = workspace
    return found


def filter_of(board: Board) -> JudgementFilter:
    return JudgementFilter.from_json(board.filter)


def definition_of(board: Board) -> Definition:
    return Definition.from_json(board.definition)


def shown(board: Board, *, live: bool = False) -> Shown:
    """What the page of a board shows now; writes nothing but a cache.

    A small board is counted on the spot, so that its figures are always those of this moment.
    live: of a large one bring to this moment what the kept counts can say; what is kept, signed
    and downloaded is always a whole count.
    """
    chosen = filter_of(board)
    report = getattr(board, "report", None)
    if report is None:
        few = count_up_to(board.workspace, chosen, INLINE + 1)
        if few <= INLINE:
            return count_now(board)
        return Shown(None, "none", newer=few)
    content = content_of(report)
    current = report.version == board.version and content.get("code_version") == CODE_VERSION
    mark = Mark(**report.mark)
    newer = newer_than(board.workspace, chosen, mark, COUNTED_UP_TO)
    newer += _withdrawn_since(board, report.mark)
    regrouped = changed_since(board.workspace, mark)
    of_now = None
    if live and current and not regrouped and 0 < newer < COUNTED_UP_TO:
        of_now = live_content(board.workspace, chosen, definition_of(board), report, content)
    return Shown(
        of_now or content,
        "fresh" if current and not newer and not regrouped else "behind",
        report.votes,
        newer,
        report.computed_at,
        report.fingerprint,
        changed=not current,
        regrouped=regrouped,
        live=of_now is not None,
        seconds=report.seconds,
    )


def _withdrawn_since(board: Board, mark: dict[str, Any]) -> int:
    """How many counted judgements were withdrawn since, by a partial index."""
    from annotation.models import Comparison, Ranking

    found = 0
    moment = datetime.fromtimestamp(mark.get("at", 0) or 0, tz=timezone.get_default_timezone())
    for model, newest in ((Comparison, mark["comparisons"]), (Ranking, mark["rankings"])):
        gone = model._default_manager.filter(
            prompt__workspace_id=board.workspace_id,
            pk__lte=newest,
            withdrawn_at__isnull=False,
            withdrawn_at__gte=moment,
        )
        found += gone.order_by()[:COUNTED_UP_TO].count()
    return found


def read_all(board: Board) -> Votes:
    """Every vote of the board, read anew."""
    chosen = filter_of(board)
    reading = Reading()
    for _count in reading.read(*judgements_of(board.workspace, chosen)):
        pass
    return reading.votes(board.workspace, ratings_of(board.workspace, chosen))


def count_now(board: Board) -> Shown:
    """Figures of a small board, kept in the cache by what they are computed from."""
    votes = read_all(board)
    definition = definition_of(board)
    fingerprint = votes.fingerprint()
    key = f"board:{board.pk}:{board.version}:{CODE_VERSION}:{fingerprint}"
    content = cache.get(key)
    if content is None:
        content = board_report(votes, definition)
        cache.set(key, content, CACHE_SECONDS)
    return Shown(content, "fresh", votes.judgements(), 0, timezone.now(), fingerprint)


def estimand(board: Board, shown_now: Shown) -> list[str]:
    """Whose strength at what, in sentences: what the numbers estimate, and of whom."""
    from annotation.boards.sentences import estimand_sentences

    return estimand_sentences(
        filter_of(board).in_words(), definition_of(board), shown_now.sources, board.description
    )


def snapshots_of(board: Board) -> QuerySet[BoardSnapshot]:
    """Without their figures, which are large."""
    return board.snapshots.select_related("created_by").defer("content")


def snapshots_in(workspace: Workspace) -> QuerySet[BoardSnapshot]:
    """Of all boards, newest first, without their figures."""
    found = BoardSnapshot.objects.filter(board__workspace=workspace)
    return found.select_related("board").defer("content").order_by("-pk")


def campaigns_of(workspace: Workspace) -> QuerySet[Campaign]:
    return Campaign.objects.filter(workspace=workspace).order_by("-pk")
