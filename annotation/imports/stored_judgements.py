"""The judgements of one batch: everything that was said about prompts and answers, each once."""

import uuid
from collections.abc import Sequence
from typing import Any

from django.db import connection, models

from annotation.imports.copying import Copier, as_json
from annotation.imports.formats.rows import (
    ComparisonRow,
    DemonstrationRow,
    RankingRow,
    RatingRow,
)
from annotation.imports.prepared import PERSONAL, PreparedRow
from annotation.models import Comparison, Demonstration, Ranking, RankingEntry, Rating

_KINDS: dict[type[models.Model], type] = {
    Demonstration: DemonstrationRow,
    Comparison: ComparisonRow,
    Ranking: RankingRow,
    Rating: RatingRow,
}


def store_judgements(
    rows: Sequence[PreparedRow],
    prompts: dict[bytes, int],
    answers: dict[int, int],
    workspace_id: int,
    copier: Copier,
    fresh: set[int],
) -> None:
    """Write what is not there yet. fresh: gets the identity of every row that was new."""
    keyed: dict[uuid.UUID, PreparedRow] = {}
    for row in rows:
        if row.key is not None:
            # The same judgement in two workspaces is two.
            keyed.setdefault(uuid.uuid5(row.key, str(workspace_id)), row)
    for model, kind in _KINDS.items():
        mine = {key: row for key, row in keyed.items() if isinstance(row.row, kind)}
        if not mine:
            continue
        for key in _known(model, list(mine)):
            del mine[key]
        ids = copier.ids(model, len(mine))
        values = []
        for (key, row), pk in zip(mine.items(), ids, strict=True):
            fields = _values(row, key, pk, prompts[row.prompt.digest])
            values.append(fields | _own_values(row, answers))
        copier.copy(model, values)
        if model is Ranking:
            _entries(list(mine.values()), ids, answers, copier)
        fresh.update(id(row) for row in mine.values())


def _known(model: type[models.Model], keys: list[uuid.UUID]) -> list[uuid.UUID]:
    table = connection.ops.quote_name(model._meta.db_table)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT idempotency_key FROM {table}"  # noqa: S608 - a table of ours
            " WHERE idempotency_key = ANY(string_to_array(%s, ',')::uuid[])",
            [",".join(map(str, keys))],  # psycopg would write each element of a list by itself
        )
        return [key for (key,) in cursor.fetchall()]


def _values(made: PreparedRow, key: uuid.UUID, pk: int, prompt: int) -> dict[str, Any]:
    row = made.row
    metadata = dict(getattr(row, "metadata", {}))
    strength = getattr(row, "strength", None)
    if strength is not None:
        metadata["strength"] = strength
    if made.personal:
        metadata[PERSONAL] = made.personal
    return {
        "id": pk,
        "prompt_id": prompt,
        "source": getattr(row, "judged_by", "human"),
        "annotator_label": (getattr(row, "annotator", "") or getattr(row, "author", ""))[:200],
        "idempotency_key": key,
        "comment": getattr(row, "reason", ""),
        "group": getattr(row, "group", "")[:200],
        "source_id": getattr(row, "source_id", "")[:200],
        "metadata": as_json(metadata) if metadata else "{}",
    }


def _own_values(made: PreparedRow, answers: dict[int, int]) -> dict[str, Any]:
    row = made.row
    if isinstance(row, DemonstrationRow):
        return {"text": made.text}
    if isinstance(row, ComparisonRow):
        left, right = (answers[id(answer)] for answer in made.answers)
        return {
            "left_id": left,
            "right_id": right,
            "choice": row.choice,
            "strength": row.step,
            "order_known": row.order_known,
            "right_share": row.right_share,
        }
    if isinstance(row, RatingRow):
        return {
            "completion_id": answers[id(made.answers[0])],
            "aspect": row.aspect[:60],
            "score": row.score,
            "lowest": row.lowest,
            "highest": row.highest,
        }
    return {}


def _entries(
    rows: Sequence[PreparedRow], ids: Sequence[int], answers: dict[int, int], copier: Copier
) -> None:
    values = []
    for made, ranking in zip(rows, ids, strict=True):
        assert isinstance(made.row, RankingRow)
        tiers = {at: n for n, tier in enumerate(made.row.tiers, start=1) for at in tier}
        for at, answer in enumerate(made.answers):
            values.append(
                {
                    "ranking_id": ranking,
                    "completion_id": answers[id(answer)],
                    "tier": tiers.get(at),
                    "position": at + 1,
                }
            )
    for value, pk in zip(values, copier.ids(RankingEntry, len(values)), strict=True):
        value["id"] = pk
    copier.copy(RankingEntry, values)
