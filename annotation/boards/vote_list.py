"""The votes behind a figure: comparisons or rankings, narrowed as a page's address says."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import Http404, QueryDict
from django.utils.translation import gettext as _

from annotation.boards.marks import judgements_of
from annotation.boards.queries import definition_of, filter_of
from annotation.models import Board, Comparison, Ranking, RankingEntry
from annotation.models.judgements import Choice, Strength
from webapp.accounts.models import User

OUTCOMES = ("win", "loss", "tie", "both_bad")
LONGEST = 200


@dataclass(frozen=True)
class VoteFilter:
    """model: one side. against: the other. outcome: as the model fared. who: a key of a label.

    choice: which side was chosen, as shown. outside: of no campaign. repeat: own items asked again.
    group: one of the board's groups of annotators. ids: just these, as "12,15".
    """

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
    strength: str = ""
    choice: str = ""
    group: str = ""
    outside: bool = False
    repeat: bool = False
    ids: tuple[int, ...] = ()

    @property
    def names_people(self) -> bool:
        return bool(self.who or self.group)

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
            strength=text("strength") if params.get("strength") in Strength.values else "",
            choice=text("choice") if params.get("choice") in Choice.values else "",
            group=text("group"),
            outside=bool(params.get("outside")),
            repeat=bool(params.get("repeat")),
            ids=_ids(params.get("ids", "")),
        )


def votes_of(board: Board, chosen: VoteFilter) -> QuerySet[Any]:
    """Comparisons or rankings of the board that pass, newest first."""
    comparisons, rankings = judgements_of(board.workspace, filter_of(board))
    if chosen.kind == "ranking":
        rows: QuerySet[Any] = _rankings(rankings, chosen)
    else:
        rows = _comparisons(comparisons, chosen)
    if chosen.group:
        rows = rows.filter(_members(definition_of(board).groups.get(chosen.group, ())))
    return _shared(rows, chosen).order_by("-pk")


def _members(names: Sequence[str]) -> Q:
    """Those whom a board's group names: people by name or address, others by their label."""
    people = User.objects.filter(Q(name__in=names) | Q(name="", email__in=names))
    return Q(annotator__in=people) | Q(annotator__isnull=True, annotator_label__in=names)


def _ids(given: str) -> tuple[int, ...]:
    parts = given[:2000].split(",")
    return tuple(int(one) for one in parts if one.isascii() and one.isdigit() and len(one) < 19)


def place_in_words(ranking: Ranking, tier: int | None) -> str:
    """The tier, or of a best and a worst what was said of the answer."""
    if tier is None:
        return "–"
    if not ranking.partial:
        return _("tier %d") % tier
    return {1: _("best"), 3: _("worst")}.get(tier, _("not ordered"))


def with_words(votes: Any, chosen: VoteFilter) -> Any:
    """A page of votes with what its template cannot say by itself: key, and answers in order."""
    for vote in votes:
        vote.key = str(vote.pk)
        if chosen.kind == "ranking":
            vote.in_order = sorted(
                vote.entries.all(), key=lambda entry: (entry.tier is None, entry.tier or 0)
            )
            for entry in vote.in_order:
                entry.place = place_in_words(vote, entry.tier)
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
    if chosen.choice:
        rows = rows.filter(choice=chosen.choice)
    if chosen.strength:
        rows = rows.filter(strength=chosen.strength)
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
    if chosen.ids:
        rows = rows.filter(pk__in=chosen.ids)
    if chosen.repeat:
        rows = rows.filter(assignment__repeat_of__isnull=False)
    if chosen.outside:
        rows = rows.filter(assignment__isnull=True)
    if chosen.campaign is not None:
        rows = rows.filter(assignment__campaign_id=chosen.campaign)
    for field, value in (("use_case", chosen.use_case), ("language", chosen.language)):
        if value:
            rows = rows.filter(Q((f"prompt__{field}", value)))
    if chosen.tag:
        rows = rows.filter(prompt__tags__contains=[chosen.tag])
    return rows.select_related("prompt", "annotator", "assignment__campaign")
