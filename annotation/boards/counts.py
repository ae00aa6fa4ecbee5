"""A board's votes added up: how often each two models met, and how each meeting ended. Pure.

A Bradley-Terry estimate, its analytic intervals, the matrix of win rates and the shares of ties
need no more than these counts, so that a vote that arrives is one addition, however many came
before. What depends on single votes (clusters of people and prompts, slices) does not follow.
"""

import io
import json
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from annotation.boards.figures.counted import Counted
from annotation.boards.votes import SOURCES, Votes
from annotation.domain.arrays import Ints
from annotation.domain.battles import LEFT_SCORE, Cells
from annotation.domain.outcomes import LEFT, OUTCOMES, RIGHT

KINDS = len(OUTCOMES)


@dataclass(frozen=True)
class Counts:
    """table: (M, M, 4) votes by left model, right model and outcome. elo: by model, after the last
    of them."""

    models: tuple[str, ...]
    table: Ints
    elo: dict[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, counted: Counted, elo: dict[str, float] | None = None) -> "Counts":
        """Raises ValueError for weighted votes: they cannot be added up by what they say."""
        if counted.weight is not None:
            raise ValueError("Weighted votes have no table of counts.")
        return cls(counted.votes.names.models, _table(counted.votes), elo or {})

    def plus(self, votes: Votes, sign: int = 1) -> "Counts":
        """With these votes added, or with -1 taken away; models that are new come last."""
        names = tuple(dict.fromkeys([*self.models, *votes.names.models]))
        place = np.array([names.index(name) for name in votes.names.models], dtype=np.int64)
        table = np.zeros((len(names), len(names), KINDS), dtype=np.int64)
        table[: len(self.models), : len(self.models)] = self.table
        rows = (place[votes["left"]], place[votes["right"]], votes["outcome"].astype(np.int64))
        np.add.at(table, rows, sign)
        return Counts(names, np.maximum(table, 0), self.elo)

    def votes(self) -> int:
        return int(self.table.sum())

    def cells(self) -> Cells:
        """What domain functions take, of the models that met at all."""
        left, right, outcome = np.nonzero(self.table)
        count = self.table[left, right, outcome].astype(np.float64)
        return Cells(self.models, left, right, LEFT_SCORE[outcome], count, np.ones(len(left)))

    def met(self) -> "Counts":
        """Without the models that no vote names any more."""
        seen = np.flatnonzero(self.table.sum(axis=(1, 2)) + self.table.sum(axis=(0, 2)))
        if len(seen) == len(self.models):
            return self
        table = self.table[np.ix_(seen, seen)]
        return Counts(tuple(self.models[at] for at in seen.tolist()), table, self.elo)

    def wins_and_ties(self) -> tuple[Ints, Ints]:
        """((M, M) how often the row beat the column, (M, M) ties and both-bad), in either order."""
        wins = self.table[:, :, LEFT] + self.table[:, :, RIGHT].T
        level = self.table.sum(axis=2) - self.table[:, :, LEFT] - self.table[:, :, RIGHT]
        return wins, level + level.T

    def shares(self) -> dict[str, tuple[int, float, float]]:
        """Of each model: (votes, share of ties, share of both bad)."""
        own = self.table.sum(axis=1) + self.table.sum(axis=0)
        return {
            name: (sum(row), row[2] / (sum(row) or 1), row[3] / (sum(row) or 1))
            for name, row in zip(self.models, own.tolist(), strict=True)
        }


def _table(votes: Votes) -> Ints:
    size = len(votes.names.models)
    key = (votes["left"].astype(np.int64) * size + votes["right"]) * KINDS + votes["outcome"]
    return np.bincount(key, minlength=size * size * KINDS).reshape(size, size, KINDS)


@dataclass(frozen=True)
class KeptCounts:
    """sources: counts by source. skipped: (n,) sorted ids, as in the column `vote`, of judgements
    that were left out for a leak or as a surplus duplicate."""

    sources: dict[str, Counts]
    skipped: Ints

    def to_bytes(self) -> bytes:
        """A compressed .npz without any pickle; 100 models and their cells take some 100 kB."""
        named = {name: {"models": one.models, "elo": one.elo} for name, one in self.sources.items()}
        content = io.BytesIO()
        tables = {f"table_{name}": one.table.astype(np.int32) for name, one in self.sources.items()}
        names = np.frombuffer(json.dumps(named).encode(), dtype=np.uint8)
        np.savez_compressed(content, names=names, skipped=self.skipped, **tables)  # type: ignore[arg-type]
        return content.getvalue()

    @classmethod
    def of(cls, parts: dict[int, Counted], content: dict[str, Any]) -> "KeptCounts | None":
        """Of the rows behind a report; None for weighted votes, which cannot be added up."""
        if any(part.weight is not None for part in parts.values()):
            return None
        sources = {}
        for code, part in parts.items():
            history = content["sources"][SOURCES[code]]["history"]
            sources[SOURCES[code]] = Counts.of(part, history["state"]["ratings"] if history else {})
        skipped = [part.skipped for part in parts.values()]
        return cls(sources, np.unique(np.concatenate([np.zeros(0, dtype=np.int64), *skipped])))

    @classmethod
    def from_bytes(cls, content: bytes) -> "KeptCounts":
        with np.load(io.BytesIO(content), allow_pickle=False) as kept:
            named: dict[str, Any] = json.loads(kept["names"].tobytes())
            sources = {
                name: Counts(
                    tuple(one["models"]), kept[f"table_{name}"].astype(np.int64), one["elo"]
                )
                for name, one in named.items()
            }
            return cls(sources, kept["skipped"])
