"""The votes behind a figure: comparisons or rankings, narrowed as a page's address says."""

from dataclasses import dataclass
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import Http404, QueryDict

from annotation.boards.marks import judgements_of
from annotation.boards.queries import filter_of
from annotation.models import Board, Comparison, Ranking, RankingEntry

OUTCOMES = ("win", "loss", "tie", "both_bad")
LONGEST = 200


@dataclass(frozen=True)
class VoteFilter:
    """model: one side. against: the other. outcome: as the model fared. who: a key of a label."""

    kind: str = "comparison"
    model: str = ""
    against: str = ""
    outcome: str = ""
    judged_by: str = ""
    who: str = ""
    prompt: int | None = None
    use_case: str = ""
    tag: str = ""
    language: str = ""
    campaign: int | None = None

    @classmethod
    def from_params(cls, params: QueryDict) -> "VoteFilter":
        """Values without a meaning narrow to nothing but what they say: they are compared, never
        taken for lookups."""

        def text(name: str) -> str:
            return params.get(name, "").replace("\0", "")[:LONGEST]

        def number(name: str) -> int | None:
            given = params.get(name, "")
            return int(given) if given.isascii() and given.isdigit() and len(given) < 19 else None

        return cls(
            kind="ranking" if params.get("kind") == "ranking" else "comparison",
            model=text("model"),
            against=text("against"),
            outcome=text("outcome") if params.get("outcome") in OUTCOMES else "",
            judged_by=text("judged_by"),
            who=text("who"),
            prompt=number("prompt"),
            use_case=text("use_case"),
            tag=text("tag"),
            language=text("language"),
            campaign=number("campaign"),
        )


def votes_of(board: Board, chosen: VoteFilter) -> QuerySet[Any]:
    """Comparisons or rankings of the board that pass, newest first."""
    comparisons, rankings = judgements_of(board.workspace, filter_of(board))
    if chosen.kind == "ranking":
        return _shared(_rankings(rankings, chosen), chosen).order_by("-pk")
    return _shared(_comparisons(comparisons, chosen), chosen).order_by("-pk")


def with_words(votes: Any, chosen: VoteFilter) -> Any:
    """A page of votes with what its template cannot say by itself: key, and answers in order."""
    for vote in votes:
        vote.key = str(vote.pk)
        if chosen.kind == "ranking":
            vote.in_order = sorted(
                vote.entries.all(), key=lambda entry: (entry.tier is None, entry.tier or 0)
            )
    return votes


def one_vote(board: Board, name: str) -> Comparison | Ranking:
    """ "c12" is comparison 12, "r5" ranking 5.

    Raises:
        Http404: the board counts no such vote.
    """
    comparisons, rankings = judgements_of(board.workspace, filter_of(board))
    kind, number = name[:1], name[1:]
    if number.isascii() and number.isdigit() and len(number) < 19:
        source: Any = {"c": comparisons, "r": rankings}.get(kind)
        if source is not None:
            found: Comparison | Ranking | None = (
                source.filter(pk=int(number))
                .select_related("prompt", "annotator", "assignment__campaign")
                .first()
            )
            if found is not None:
                return found
    raise Http404("This board counts no such vote.")


def _comparisons(rows: QuerySet[Comparison], chosen: VoteFilter) -> QuerySet[Comparison]:
    model, against = chosen.model, chosen.against
    left = Q(left__generator=model) if model else Q()
    right = Q(right__generator=model) if model else Q()
    if against:
        left &= Q(right__generator=against)
        right &= Q(left__generator=against)
    if chosen.outcome in ("win", "loss") and model:
        won, lost = ("left", "right") if chosen.outcome == "win" else ("right", "left")
        rows = rows.filter((left & Q(choice=won)) | (right & Q(choice=lost)))
    else:
        if model or against:
            rows = rows.filter(left | right)
        if chosen.outcome in ("tie", "both_bad"):
            rows = rows.filter(choice=chosen.outcome)
    return rows.select_related("left", "right")


def _rankings(rows: QuerySet[Ranking], chosen: VoteFilter) -> QuerySet[Ranking]:
    for name in (chosen.model, chosen.against):
        if name:
            among = RankingEntry.objects.filter(
                ranking=OuterRef("pk"), completion__generator=name, tier__isnull=False
            )
            rows = rows.filter(Exists(among))
    return rows.prefetch_related("entries__completion")


def _shared(rows: QuerySet[Any], chosen: VoteFilter) -> QuerySet[Any]:
    if chosen.judged_by:
        rows = rows.filter(source=chosen.judged_by)
    if chosen.who.startswith("label:"):
        rows = rows.filter(annotator__isnull=True, annotator_label=chosen.who[len("label:") :])
    elif chosen.who.isascii() and chosen.who.isdigit() and len(chosen.who) < 19:
        rows = rows.filter(annotator_id=int(chosen.who))
    if chosen.prompt is not None:
        rows = rows.filter(prompt_id=chosen.prompt)
    if chosen.campaign is not None:
        rows = rows.filter(assignment__campaign_id=chosen.campaign)
    for field, value in (("use_case", chosen.use_case), ("language", chosen.language)):
        if value:
            rows = rows.filter(Q((f"prompt__{field}", value)))
    if chosen.tag:
        rows = rows.filter(prompt__tags__contains=[chosen.tag])
    return rows.select_related("prompt", "annotator", "assignment__campaign")
