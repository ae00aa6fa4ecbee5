"""Snapshots, runs and models, one module per noun."""

from training.models.battles import Battle, BattleState, BattleTurn
from training.models.endpoints import EndpointKind, ModelEndpoint, PromptStyle
from training.models.generations import (
    Batch,
    BatchEntry,
    Generation,
    GenerationState,
    Server,
)
from training.models.snapshots import (
    DatasetSnapshot,
    SnapshotJudgements,
    SnapshotKind,
    SnapshotState,
)
from training.models.trials import Trial, TrialColumn

__all__ = [
    "Batch",
    "BatchEntry",
    "Battle",
    "BattleState",
    "BattleTurn",
    "DatasetSnapshot",
    "EndpointKind",
    "Generation",
    "GenerationState",
    "ModelEndpoint",
    "PromptStyle",
    "Server",
    "SnapshotJudgements",
    "SnapshotKind",
    "SnapshotState",
    "Trial",
    "TrialColumn",
]
