"""Who can have models answer a question: nobody in this room. Whoever can registers here.

A conversation whose answers models write asks when a question is accepted; the answers come as
ordinary completions, from here or from anywhere else.
"""

from collections.abc import Callable, Sequence
from typing import Any

# (campaign, ids of prompts) -> None: see that each prompt gets campaign.answers completions
Answerer = Callable[[Any, Sequence[int]], None]
# workspace -> names of generators that can be asked
Names = Callable[[Any], Sequence[str]]
_registered: list[tuple[Answerer, Names]] = []


def register(answerer: Answerer, names: Names) -> None:
    if (answerer, names) not in _registered:
        _registered.append((answerer, names))


def have_answered(campaign: Any, prompts: Sequence[int]) -> None:
    """Ask for answers; called in the transaction in which the question came."""
    for answerer, _names in _registered:
        answerer(campaign, prompts)


def names_in(workspace: Any) -> list[str]:
    """Generators that can be asked in a workspace."""
    return sorted({name for _answerer, names in _registered for name in names(workspace)})
