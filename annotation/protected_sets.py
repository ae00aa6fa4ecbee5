"""Sets of prompts that something is measured by: those of campaigns and boards marked so.

A campaign's are the prompts of its items; a board's are the prompts of the votes that it counts.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from django.db.models import Model, QuerySet
from django.utils.translation import gettext as _

from annotation.judgement_filter import JudgementFilter
from annotation.models import Board, Campaign, Item
from webapp.workspaces.models import Workspace

SETS: dict[str, type[Campaign] | type[Board]] = {"campaign": Campaign, "board": Board}


@dataclass(frozen=True)
class MeasuringSet:
    """A campaign or a board, and whether its prompts are kept out of training. kind: of SETS."""

    kind: str
    pk: int
    name: str
    protects: bool

    @property
    def key(self) -> str:
        return f"{self.kind}-{self.pk}"

    @property
    def label(self) -> str:
        return _("Campaign") if self.kind == "campaign" else _("Board")


def sets_of(workspace: Workspace) -> list[MeasuringSet]:
    """Every board and campaign, those that protect first, then the newest."""
    found = [
        MeasuringSet(kind, *row)
        for kind, model in reversed(SETS.items())
        for row in _rows(model, workspace.pk).values_list("pk", "name", "protects")
    ]
    return sorted(found, key=lambda each: not each.protects)


def protected_prompts(workspace_id: int) -> Iterator[tuple[str, QuerySet[Model, int]]]:
    """For each set that protects: by what ("board Round 3"), and the ids of its prompts."""
    # Here and not above: it loads scipy, which a worker that knows the job's name has no need of.
    from annotation.boards.marks import judgements_of

    for campaign in _rows(Campaign, workspace_id).filter(protects=True):
        items = Item.objects.filter(campaign=campaign).order_by()
        yield f"campaign {campaign.name}", items.values_list("prompt", flat=True).distinct()
    boards = _rows(Board, workspace_id).filter(protects=True).select_related("workspace")
    for board in boards:
        name = f"board {board.name}"
        for judgements in judgements_of(board.workspace, JudgementFilter.from_json(board.filter)):
            yield name, judgements.order_by().values_list("prompt", flat=True).distinct()


def _rows(model: type[Campaign] | type[Board], workspace_id: int) -> QuerySet:
    return model._default_manager.filter(workspace=workspace_id).order_by("-pk")
