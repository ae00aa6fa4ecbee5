"""Where a lineage begins and where it leads: the judgements in its snapshots, the answers of its
models, and the boards whose votes are about those answers."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.db.models import Count, F, Func, IntegerField, Q, QuerySet, Sum, Value
from django.urls import reverse
from django.utils.translation import gettext as _

from annotation.boards.marks import judgements_of
from annotation.boards.queries import boards_in, filter_of
from annotation.models import Comparison, Completion, Ranking
from training.models import DatasetSnapshot, ModelEndpoint, ModelVersion, SnapshotJudgements

MOST_BOARDS = 12  # that are asked whether they count an answer


@dataclass(frozen=True)
class Judgements:
    """What is in a snapshot. pk: the snapshot's."""

    pk: int
    count: int
    kinds: str

    def __str__(self) -> str:
        return f"{self.count} {self.kinds}"

    def address(self, workspace: Any) -> str:
        return reverse("training:snapshot_judgements", args=[workspace.slug, self.pk])


@dataclass(frozen=True)
class Answers:
    """What a model has said. pk: that of the endpoint by which it is asked."""

    pk: int
    generator: str
    count: int

    def __str__(self) -> str:
        return _("%(count)d of %(name)s") % {"count": self.count, "name": self.generator}

    def address(self, workspace: Any) -> str:
        return reverse("training:samplings", args=[workspace.slug])


@dataclass(frozen=True)
class BoardRow:
    """A board that rates the model. pk: the board's."""

    pk: int
    name: str
    generator: str

    def __str__(self) -> str:
        return self.name

    def address(self, workspace: Any) -> str:
        """The votes behind the row."""
        votes = reverse("annotation:board_votes", args=[workspace.slug, self.pk])
        return f"{votes}?{urlencode({'model': self.generator})}"


def judgements_in(snapshots: Iterable[DatasetSnapshot]) -> list[Judgements]:
    """One for each snapshot that holds any; one query."""
    rows = (
        SnapshotJudgements.objects.filter(snapshot__in=[each.pk for each in snapshots])
        .values("snapshot_id", "kind")
        .annotate(n=Sum(Func(F("ids"), function="cardinality", output_field=IntegerField())))
        .order_by("snapshot_id", "kind")
    )
    found: dict[int, list[tuple[str, int]]] = defaultdict(list)
    for row in rows:
        found[row["snapshot_id"]].append((row["kind"], row["n"]))
    return [
        Judgements(pk, sum(n for _kind, n in kinds), ", ".join(f"{kind}s" for kind, _n in kinds))
        for pk, kinds in found.items()
    ]


def answers_of_models(versions: Iterable[ModelVersion]) -> list[tuple[int, Answers]]:
    """(model, its answers) for those that were asked; two queries."""
    endpoints = list(
        ModelEndpoint.objects.filter(version__in=[v.pk for v in versions]).order_by("pk")
    )
    said = Completion.objects.filter(
        prompt__workspace__in={each.workspace_id for each in endpoints},
        generator__in=[each.name for each in endpoints],
    )
    counts = dict(said.values_list("generator").annotate(n=Count("pk")).order_by("generator"))
    return [
        (int(each.version_id or 0), Answers(each.pk, each.name, counts[each.name]))
        for each in endpoints
        if counts.get(each.name)
    ]


def boards_about(workspace: Any, generators: list[str]) -> list[BoardRow]:
    """The rows of boards that are about one of these; one query for all boards together."""
    if not generators:
        return []
    boards = list(boards_in(workspace).order_by("-pk")[:MOST_BOARDS])
    parts: list[QuerySet[Any, Any]] = []
    for board in boards:
        comparisons, rankings = judgements_of(workspace, filter_of(board))
        for name in generators:
            of_this = (Value(board.pk), Value(name))
            parts += [_one(comparisons.filter(_about(name)), of_this)]
            parts += [_one(_ranked(rankings, name), of_this)]
    if not parts:
        return []
    names = {board.pk: board.name for board in boards}
    found = parts[0].union(*parts[1:]) if len(parts) > 1 else parts[0]
    return [BoardRow(pk, names[pk], model) for pk, model in sorted(found)]


def _about(name: str) -> Q:
    return Q(left__generator=name) | Q(right__generator=name)


def _ranked(rankings: QuerySet[Ranking], name: str) -> QuerySet[Ranking]:
    return rankings.filter(entries__completion__generator=name)


def _one(
    judgements: QuerySet[Comparison] | QuerySet[Ranking], of_this: tuple[Value, Value]
) -> QuerySet[Any, Any]:
    """(board, model) if there is a judgement at all."""
    found: QuerySet[Any, Any] = judgements.order_by().values_list(*of_this)
    return found[:1]
