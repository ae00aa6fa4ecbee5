"""Who holds a judgement beyond its row: snapshots, and what was trained on them.

This room knows neither. Whoever keeps judgements registers a question in AppConfig.ready; a
withdrawal asks it and shows the answers before and after.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Holder:
    what: str  # in words: "Snapshot “Round 2”"
    url: str = ""


# (workspace, kind -> ids of judgements) -> holders; kinds as JudgementFilter names them
Question = Callable[[Any, Mapping[str, Sequence[int]]], list[Holder]]
_questions: list[Question] = []


def register(question: Question) -> None:
    if question not in _questions:
        _questions.append(question)


def holders_of(workspace: Any, judgements: Mapping[str, Sequence[int]]) -> list[Holder]:
    """Everything that holds one of these judgements, each once."""
    found = [holder for question in _questions for holder in question(workspace, judgements)]
    return list(dict.fromkeys(found))
