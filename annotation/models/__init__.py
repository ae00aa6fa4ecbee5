"""People's texts and judgements, one module per noun."""

from annotation.models.assignments import Assignment, Draft, Skip
from annotation.models.attributes import Attribute
from annotation.models.boards import (
    Board,
    BoardReport,
    BoardSnapshot,
    ChangedVotes,
    PairDraw,
    PairPlan,
)
from annotation.models.campaigns import Campaign, CampaignWorker, Guidelines, Item, ItemCompletion
from annotation.models.conversations import Conversation, Review, Turn
from annotation.models.crowd import CrowdLink, CrowdWork
from annotation.models.curation import (
    DuplicateCluster,
    DuplicateMember,
    DuplicateSearch,
    PromptEdit,
    PromptEditRow,
    PromptFingerprint,
    PromptMerge,
    PromptWord,
    SavedView,
    Settlement,
    UseCase,
)
from annotation.models.imports import Import, ImportState
from annotation.models.instruction_tasks import InstructionTask
from annotation.models.judgements import (
    Comparison,
    Demonstration,
    Marking,
    Ranking,
    RankingEntry,
    Rating,
    Source,
)
from annotation.models.prompts import Completion, Prompt, Split
from annotation.models.reviews import Decision, SentBack
from annotation.models.standings import Standing
from annotation.models.suggestions import Suggestion, SuggestionSet, SuggestionShown

__all__ = [
    "Assignment",
    "Attribute",
    "Board",
    "BoardReport",
    "BoardSnapshot",
    "Campaign",
    "CampaignWorker",
    "ChangedVotes",
    "Comparison",
    "Completion",
    "Conversation",
    "CrowdLink",
    "CrowdWork",
    "Decision",
    "Demonstration",
    "Draft",
    "DuplicateCluster",
    "DuplicateMember",
    "DuplicateSearch",
    "Guidelines",
    "Import",
    "ImportState",
    "InstructionTask",
    "Item",
    "ItemCompletion",
    "Marking",
    "PairDraw",
    "PairPlan",
    "Prompt",
    "PromptEdit",
    "PromptEditRow",
    "PromptFingerprint",
    "PromptMerge",
    "PromptWord",
    "Ranking",
    "RankingEntry",
    "Rating",
    "Review",
    "SavedView",
    "SentBack",
    "Settlement",
    "Skip",
    "Source",
    "Split",
    "Standing",
    "Suggestion",
    "SuggestionSet",
    "SuggestionShown",
    "Turn",
    "UseCase",
]
