"""What a conversation says, as one text: the ground on which prompts are compared."""

from collections.abc import Iterable, Mapping
from typing import Any

SILENT = ("system", "developer")


def said(messages: Iterable[Mapping[str, Any]]) -> str:
    """The contents of all turns, a line each, without system messages unless there is nothing else.

    One system message often stands before thousands of prompts: it would make all of them alike.
    """
    turns = list(messages)
    spoken = [turn for turn in turns if turn.get("role") not in SILENT] or turns
    return "\n".join(str(turn.get("content") or "") for turn in spoken)
