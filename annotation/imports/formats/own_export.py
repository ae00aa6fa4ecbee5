"""Files that Rondo itself wrote: TRL's types, with columns that say everything else about a row.

They come back as they were: ties, both-bad, strength, sides, group, annotator, who judged, and what
is known of the prompt. A ranking comes back as its pairs, which share a group.
"""

from typing import Any

from msgspec import structs

from annotation.imports.formats.fields import label
from annotation.imports.formats.refusals import Refused
from annotation.imports.formats.rows import (
    BOTH_BAD,
    HUMAN,
    JUDGE,
    LEFT,
    RIGHT,
    SIMULATED,
    STEPS,
    TIE,
    Answer,
    ComparisonRow,
    PromptRow,
)

_OF_PROMPT = ("use_case", "language", "source", "licence", "split")
_SIDES = ("chosen_position", "rejected_position")


def is_own(record: dict[str, Any]) -> bool:
    """Whether the record has the columns that only our files have."""
    return all(name in record for name in _OF_PROMPT)


def own_prompt(record: dict[str, Any], prompt: PromptRow) -> PromptRow:
    """The same prompt with what our columns say of it."""
    found = {name: label(record, name) for name in _OF_PROMPT}
    metadata = {name: value for name, value in prompt.metadata.items() if name not in found}
    return structs.replace(prompt, **found, metadata=metadata)


def own_judge(record: dict[str, Any]) -> str:
    judge = label(record, "judged_by") or HUMAN
    if judge not in (HUMAN, JUDGE, SIMULATED):
        raise Refused(f"is {judge!r}. Allowed: human, judge, simulated", "judged_by")
    return judge


def own_comparison(record: dict[str, Any], row: ComparisonRow) -> ComparisonRow:
    """The vote as it was given: `row` has the chosen answer on the left."""
    step = label(record, "strength")
    if step and step not in STEPS:
        raise Refused(f"is {step!r}. Allowed: {', '.join(STEPS)}", "strength")
    choice = BOTH_BAD if record.get("both_bad") is True else TIE if record.get("tie") else LEFT
    first, second = (_place(record, name) for name in _SIDES)
    known = first >= 0 and second >= 0
    left, right = row.left, row.right
    if known and first > second:
        left, right = right, left
        choice = RIGHT if choice == LEFT else choice
    margin = row.strength or None  # nought is what stands there when nobody said how strong
    return structs.replace(
        row,
        prompt=own_prompt(record, row.prompt),
        left=left,
        right=right,
        choice=choice,
        step="" if choice in (TIE, BOTH_BAD) else step,
        strength=margin,
        order_known=known,
        judged_by=own_judge(record),
        metadata=row.metadata if margin is not None else {},
    )


def _place(record: dict[str, Any], name: str) -> int:
    """From 0 on; -1 where it is not known."""
    place = record.get(name)
    return place if type(place) is int else -1


def own_answer(record: dict[str, Any], answer: Answer) -> Answer:
    return structs.replace(answer, generator=label(record, "model"))
