"""Snapshots, runs and models, one module per noun."""

from training.models.battles import Battle, BattleState, BattleTurn
from training.models.endpoints import EndpointKind, ModelEndpoint, PromptStyle
from training.models.factory import (
    Candidate,
    CandidateState,
    FactoryRequest,
    FactoryRun,
    FactorySeed,
    FactorySettings,
    FactoryStep,
    SeedRole,
    Wizard,
)
from training.models.generations import (
    Batch,
    BatchEntry,
    Generation,
    GenerationState,
    Server,
)
from training.models.held_out import HeldOutMeasure, HeldOutScore, MeasureKind
from training.models.prompt_maps import MapPoint, PromptEmbedding, PromptMap
from training.models.pushes import HubPush
from training.models.rounds import (
    Asked,
    Round,
    RoundRun,
    RoundSnapshot,
    RoundStep,
    Step,
    StepState,
)
from training.models.runs import (
    Checkpoint,
    Method,
    Outcome,
    Purpose,
    RunData,
    RunEvent,
    RunMetric,
    RunModel,
    SavedConfig,
    TrainingRun,
)
from training.models.scores import RewardScore, Scoring, TextScore
from training.models.snapshots import (
    DatasetSnapshot,
    SnapshotExport,
    SnapshotJudgements,
    SnapshotKind,
    SnapshotState,
)
from training.models.studies import Study, StudyRun
from training.models.trials import Trial, TrialColumn
from training.models.versions import (
    ModelKind,
    ModelVersion,
    Parentage,
    Stage,
    VersionState,
)

__all__ = [
    "Asked",
    "Batch",
    "BatchEntry",
    "Battle",
    "BattleState",
    "BattleTurn",
    "Candidate",
    "CandidateState",
    "Checkpoint",
    "DatasetSnapshot",
    "EndpointKind",
    "FactoryRequest",
    "FactoryRun",
    "FactorySeed",
    "FactorySettings",
    "FactoryStep",
    "Generation",
    "GenerationState",
    "HeldOutMeasure",
    "HeldOutScore",
    "HubPush",
    "MapPoint",
    "MeasureKind",
    "Method",
    "ModelEndpoint",
    "ModelKind",
    "ModelVersion",
    "Outcome",
    "Parentage",
    "PromptEmbedding",
    "PromptMap",
    "PromptStyle",
    "Purpose",
    "RewardScore",
    "Round",
    "RoundRun",
    "RoundSnapshot",
    "RoundStep",
    "RunData",
    "RunEvent",
    "RunMetric",
    "RunModel",
    "SavedConfig",
    "Scoring",
    "SeedRole",
    "Server",
    "SnapshotExport",
    "SnapshotJudgements",
    "SnapshotKind",
    "SnapshotState",
    "Stage",
    "Step",
    "StepState",
    "Study",
    "StudyRun",
    "TextScore",
    "TrainingRun",
    "Trial",
    "TrialColumn",
    "VersionState",
    "Wizard",
]
