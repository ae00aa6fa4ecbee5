"""Where a model comes from and what came of it: a graph from judgements to boards.

Each generation is asked for as a whole, so the number of queries depends on the depth alone.
"""

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from django.db.models import Q, QuerySet

from training.lineage_ends import answers_of_models, boards_about, judgements_in
from training.models import ModelVersion, Parentage, RunData, RunModel, TrainingRun

DEPTH = 6  # generations each way
MOST_IN_A_COLUMN = 12
WIDTH, HEIGHT, GAP_X, GAP_Y = 190, 46, 56, 16


@dataclass(frozen=True)
class Node:
    """`kind`: judgements, snapshot, model, run, answers or board; `row` is the thing itself."""

    kind: str
    row: Any

    @property
    def key(self) -> tuple[str, int]:
        return (self.kind, self.row.pk)


@dataclass
class Lineage:
    """`columns`: generation -> nodes, the model itself at 0, what it came from below 0.

    `edges`: (from, to, role) by the nodes' keys. `left_out`: nodes that found no room.
    """

    columns: dict[int, list[Node]]
    edges: list[tuple[tuple[str, int], tuple[str, int], str]]
    left_out: int = 0

    def picture(self) -> dict[str, Any]:
        """The same with coordinates, for an SVG of width x height."""
        first = min(self.columns)
        tallest = max(len(nodes) for nodes in self.columns.values())
        height = tallest * (HEIGHT + GAP_Y) + GAP_Y
        places: dict[tuple[str, int], tuple[int, int]] = {}
        boxes = []
        for column, nodes in sorted(self.columns.items()):
            x = GAP_Y + (column - first) * (WIDTH + GAP_X)
            top = (height - len(nodes) * (HEIGHT + GAP_Y) + GAP_Y) // 2
            for number, node in enumerate(nodes):
                y = top + number * (HEIGHT + GAP_Y)
                places[node.key] = (x, y)
                boxes.append({"node": node, "x": x, "y": y, "here": column == 0})
        lines = [
            _line(places[start], places[end])
            for start, end, _role in self.edges
            if start in places and end in places
        ]
        return {
            "boxes": boxes,
            "lines": lines,
            "width": (max(self.columns) - first + 1) * (WIDTH + GAP_X) - GAP_X + 2 * GAP_Y,
            "height": height,
            "box_width": WIDTH,
            "box_height": HEIGHT,
        }


def _line(start: tuple[int, int], end: tuple[int, int]) -> str:
    """A curve from the right side of one box to the left side of another, as an SVG path."""
    x1, y1, x2, y2 = start[0] + WIDTH, start[1] + HEIGHT // 2, end[0], end[1] + HEIGHT // 2
    middle = (x1 + x2) // 2
    return f"M{x1},{y1} C{middle},{y1} {middle},{y2} {x2},{y2}"


def lineage_of(version: ModelVersion) -> Lineage:
    """Everything that led to `version`, and everything it led to."""
    found = Lineage({0: [Node("model", version)]}, [])
    seen = {("model", version.pk)}
    _walk(found, seen, [version], -1)
    _walk(found, seen, [version], 1)
    _add_ends(found, version)
    for column, nodes in found.columns.items():
        found.left_out += max(0, len(nodes) - MOST_IN_A_COLUMN)
        found.columns[column] = nodes[:MOST_IN_A_COLUMN]
    return found


def _add_ends(found: Lineage, version: ModelVersion) -> None:
    """Judgements before each snapshot; after this model and its descendants their answers, and the
    boards that count votes on those."""
    columns = {node.key: column for column, nodes in found.columns.items() for node in nodes}
    rows = {node.key: node.row for nodes in found.columns.values() for node in nodes}
    snapshots = [row for key, row in rows.items() if key[0] == "snapshot"]
    for held in judgements_in(snapshots):
        snapshot = ("snapshot", held.pk)
        found.columns.setdefault(columns[snapshot] - 1, []).append(Node("judgements", held))
        found.edges.append((("judgements", held.pk), snapshot, "votes"))
    models = [row for key, row in rows.items() if key[0] == "model" and columns[key] >= 0]
    said = answers_of_models(models)
    last: dict[str, tuple[int, tuple[str, int]]] = {}
    for model, answers in said:
        column = columns["model", model] + 1
        found.columns.setdefault(column, []).append(Node("answers", answers))
        found.edges.append((("model", model), ("answers", answers.pk), "said"))
        last[answers.generator] = (column, ("answers", answers.pk))
    placed: set[int] = set()
    for board in boards_about(version.workspace, list(last)):
        column, answers_key = last[board.generator]
        if board.pk not in placed:
            placed.add(board.pk)
            found.columns.setdefault(column + 1, []).append(Node("board", board))
        found.edges.append((answers_key, ("board", board.pk), "judged"))


def _walk(found: Lineage, seen: set[Any], versions: list[ModelVersion], way: int) -> None:
    column = way
    for _generation in range(DEPTH):
        step = _came_from if way < 0 else _led_to
        runs, others = step(found, versions)
        columns: dict[int, list[Node]] = defaultdict(list)
        for offset, nodes in ((0, runs), (way, others)):
            for node in nodes:
                if node.key not in seen:
                    seen.add(node.key)
                    columns[column + offset].append(node)
        for place, nodes in columns.items():
            found.columns.setdefault(place, []).extend(nodes)
        versions = [node.row for node in columns[column + way] if node.kind == "model"]
        column += 2 * way
        if not versions:
            return


def _came_from(found: Lineage, versions: list[ModelVersion]) -> tuple[list[Node], list[Node]]:
    made = {v.run_id: v for v in versions if v.run_id is not None}
    runs = TrainingRun.objects.filter(pk__in=made).order_by("pk")
    models = RunModel.objects.filter(run__in=made, version__isnull=False).select_related("version")
    data = RunData.objects.filter(run__in=made).select_related("snapshot__screened_by")
    for v in made.values():
        found.edges.append((("run", int(v.run_id or 0)), ("model", v.pk), "result"))
    others = []
    for use in models:
        others.append(Node("model", use.version))
        found.edges.append((("model", int(use.version_id or 0)), ("run", use.run_id), use.role))
    for piece in data:
        others.append(Node("snapshot", piece.snapshot))
        found.edges.append((("snapshot", piece.snapshot_id), ("run", piece.run_id), piece.role))
        if (reward := piece.snapshot.screened_by) is not None:
            others.append(Node("model", reward))
            found.edges.append((("model", reward.pk), ("run", piece.run_id), "screen"))
    for tie in _without_a_run(Q(child__in=versions)):
        others.append(Node("model", tie.parent))
        found.edges.append((("model", tie.parent_id), ("model", tie.child_id), tie.role))
    return [Node("run", run) for run in runs], others


def _led_to(found: Lineage, versions: list[ModelVersion]) -> tuple[list[Node], list[Node]]:
    uses = RunModel.objects.filter(version__in=versions, run__purpose="run").select_related("run")
    runs = []
    for use in uses.order_by("pk"):
        runs.append(Node("run", use.run))
        found.edges.append((("model", int(use.version_id or 0)), ("run", use.run_id), use.role))
    screened = RunData.objects.filter(snapshot__screened_by__in=versions, run__purpose="run")
    for piece in screened.select_related("run", "snapshot").order_by("pk"):
        runs.append(Node("run", piece.run))
        reward = int(piece.snapshot.screened_by_id or 0)
        found.edges.append((("model", reward), ("run", piece.run_id), "screen"))
    made = ModelVersion.objects.filter(run__in=[node.row.pk for node in runs]).order_by("pk")
    for version in made:
        found.edges.append((("run", int(version.run_id or 0)), ("model", version.pk), "result"))
    models = [Node("model", version) for version in made]
    for tie in _without_a_run(Q(parent__in=versions)):
        models.append(Node("model", tie.child))
        found.edges.append((("model", tie.parent_id), ("model", tie.child_id), tie.role))
    return runs, models


def _without_a_run(of: Q) -> QuerySet[Parentage]:
    """Descents that no run made: an adapter merged into its base."""
    found = Parentage.objects.filter(of, child__run=None)
    return found.select_related("parent", "child").order_by("pk")
