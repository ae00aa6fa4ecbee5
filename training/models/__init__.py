"""Snapshots, runs and models, one module per noun."""

from training.models.snapshots import (
    DatasetSnapshot,
    SnapshotJudgements,
    SnapshotKind,
    SnapshotState,
)

__all__ = [
    "DatasetSnapshot",
    "SnapshotJudgements",
    "SnapshotKind",
    "SnapshotState",
]
