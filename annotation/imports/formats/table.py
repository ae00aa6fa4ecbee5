"""Any table or JSON with a column mapping: which of our fields each column holds.

A file whose columns carry our own names, or those of a layout in LAYOUTS, needs no mapping.
"""

from collections.abc import Mapping
from typing import Any

from annotation.imports.formats.fields import label, number, optional_text, text
from annotation.imports.formats.format import Format
from annotation.imports.formats.instructions import instruction_prompt
from annotation.imports.formats.preference_answers import judged_answer
from annotation.imports.formats.reading_options import Reading
from annotation.imports.formats.refusals import Refused
from annotation.imports.formats.rows import (
    HUMAN,
    JUDGE,
    Answer,
    ComparisonRow,
    CompletionRow,
    DemonstrationRow,
    PromptRow,
    RatingRow,
    Row,
)
from annotation.imports.formats.verdicts import choice_of, refuse_same_answers

PROMPT_FIELDS = (
    "prompt",
    "prompt_id",
    "input",
    "system",
    "language",
    "use_case",
    "licence",
    "source",
    "split",
    "tags",
)
ANSWER_FIELDS = ("completion", "demonstration", "generator", "rationale")
PAIR_FIELDS = ("left", "right", "left_generator", "right_generator", "choice", "strength")
JUDGEMENT_FIELDS = ("annotator", "group", "judge", "reason", "score", "aspect", "source_id")
FIELDS = (*PROMPT_FIELDS, *ANSWER_FIELDS, *PAIR_FIELDS, *JUDGEMENT_FIELDS)

LAYOUTS: dict[str, dict[str, str]] = {
    "llmfao_votes": {
        "prompt_id": "prompt",
        "left_generator": "left",
        "right_generator": "right",
        "choice": "winner",
        "annotator": "worker",
        "source_id": "id",
    },
    "llmfao_results": {
        "prompt_id": "prompt",
        "completion": "result",
        "generator": "name",
        "source_id": "id",
    },
    "llmfao_prompts": {"prompt_id": "id", "prompt": "text", "tags": "type"},
    "llmfao_training": {
        "prompt_id": "prompt",
        "prompt": "text",
        "left": "result_x",
        "right": "result_y",
        "left_generator": "model_x",
        "right_generator": "model_y",
        "choice": "golden",
        "reason": "reason",
        "source_id": "id",
    },
    "goal_target": {"prompt": "goal", "completion": "target"},
    "kiln": {"prompt": "input", "demonstration": "output"},
}
# Columns that must be there besides the mapped ones before a layout is believed.
_ALSO = {
    "llmfao_votes": {"model_x", "model_y"},
    "llmfao_results": {"slug", "api_id"},
    "llmfao_prompts": {"slug", "stop"},
}


def layout_of(record: Any) -> str:
    """The known layout that a record has, or ""."""
    if type(record) is not dict:
        return ""
    for name, columns in LAYOUTS.items():
        wanted = set(columns.values()) | _ALSO.get(name, set())
        exact = name in ("goal_target", "kiln")
        if wanted <= set(record) and (not exact or len(record) <= len(wanted) + 3):
            return name
    return ""


def _recognise(record: Any) -> str:
    layout = layout_of(record)
    if layout:
        return layout
    if type(record) is not dict or not ({"prompt", "prompt_id"} & set(record)):
        return ""
    said = {"choice", "score", "completion", "demonstration", "prompt_id", "system", "input"}
    return "own_names" if said & set(record) else ""


def columns_for(record: Mapping[str, Any], reading: Reading) -> dict[str, str]:
    """Our field -> the file's column: the person's mapping, over the layout, over equal names.

    Raises Refused for a mapping to a field that does not exist or from a column that is not there.
    """
    found = {name: name for name in FIELDS if name in record}
    layout = layout_of(record)
    if layout:
        found = dict(LAYOUTS[layout])
    for ours, theirs in reading.options.columns.items():
        if ours not in FIELDS:
            raise Refused(f"{ours!r} is no field to map to; there are {', '.join(FIELDS)}")
        if theirs not in record:
            there = ", ".join(repr(str(key)[:40]) for key in list(record)[:12])
            raise Refused(f"the column {theirs!r} mapped to {ours} is not there ({there})")
        found[ours] = theirs
    return found


def _read(record: dict[str, Any], reading: Reading) -> list[Row]:
    if type(record) is not dict:
        raise Refused("is no object")
    columns = columns_for(record, reading)
    row = {ours: record[theirs] for ours, theirs in columns.items()}
    try:
        return _rows(row, reading)
    except Refused as error:
        ours = error.path.partition("[")[0]
        raise Refused(error.reason, columns.get(ours, ours)) from None


def _rows(row: dict[str, Any], reading: Reading) -> list[Row]:
    prompt = _prompt(row)
    if "choice" in row:
        return [_comparison(row, prompt, reading)]
    if "score" in row:
        return [_rating(row, prompt, reading)]
    rows: list[Row] = []
    generator = label(row, "generator")
    if "demonstration" in row:
        metadata = {"rationale": row["rationale"]} if row.get("rationale") else {}
        written = text(row, "demonstration")
        source_id = label(row, "source_id")
        rows.append(
            DemonstrationRow(
                prompt=prompt,
                text=written,
                author=generator,
                source_id=source_id,
                metadata=metadata,
            )
        )
    if "completion" in row:
        said = text(row, "completion", empty=True)
        rows.append(
            CompletionRow(
                prompt=prompt,
                answer=judged_answer(said, generator, source_id=label(row, "source_id")),
            )
        )
    return rows or [prompt]


def _prompt(row: dict[str, Any]) -> PromptRow:
    tags = label(row, "tags")
    fields: dict[str, Any] = {
        "source_id": label(row, "prompt_id")
        or (
            ""
            if {"choice", "score", "completion", "demonstration"} & set(row)
            else label(row, "source_id")
        ),
        "language": optional_text(row, "language"),
        "use_case": optional_text(row, "use_case"),
        "licence": optional_text(row, "licence"),
        "source": optional_text(row, "source"),
        "split": optional_text(row, "split"),
        "tags": tuple(tag.strip() for tag in tags.split(",") if tag.strip()),
    }
    if "prompt" not in row:
        if not fields["source_id"]:
            raise Refused("no column is mapped to prompt or prompt_id", "prompt")
        return PromptRow(**fields)
    return instruction_prompt(
        text(row, "prompt"),
        optional_text(row, "input"),
        system=optional_text(row, "system"),
        template="table",
        **fields,
    )


def _side(row: dict[str, Any], side: str) -> Answer:
    generator = label(row, f"{side}_generator")
    if side in row:
        return judged_answer(text(row, side, empty=True), generator)
    if not generator:
        raise Refused(f"neither {side} nor {side}_generator is given", side)
    return Answer(text=None, generator=generator)


def _judged_by(row: dict[str, Any], reading: Reading) -> str:
    return reading.options.judged_by or (JUDGE if row.get("judge") else HUMAN)


def _comparison(row: dict[str, Any], prompt: PromptRow, reading: Reading) -> ComparisonRow:
    left, right = _side(row, "left"), _side(row, "right")
    choice = choice_of(row["choice"], reading, "choice")
    refuse_same_answers(left, right, choice, "left")
    return ComparisonRow(
        prompt=prompt,
        left=left,
        right=right,
        choice=choice,
        strength=number(row, "strength"),
        order_known=True,
        annotator=label(row, "annotator") or label(row, "judge"),
        group=label(row, "group"),
        judged_by=_judged_by(row, reading),
        source_id=label(row, "source_id"),
        reason=optional_text(row, "reason"),
    )


def _rating(row: dict[str, Any], prompt: PromptRow, reading: Reading) -> RatingRow:
    score = number(row, "score")
    if score is None:
        raise Refused("is empty; a number belongs here", "score")
    said = text(row, "completion", empty=True) if "completion" in row else None
    generator = label(row, "generator")
    if said is None and not generator:
        raise Refused("neither completion nor generator is given", "completion")
    answer = (
        judged_answer(said, generator)
        if said is not None
        else Answer(text=None, generator=generator)
    )
    return RatingRow(
        prompt=prompt,
        answer=answer,
        aspect=label(row, "aspect") or "score",
        score=score,
        lowest=min(0.0, score),
        highest=max(10.0, score),
        annotator=label(row, "annotator") or label(row, "judge"),
        judged_by=_judged_by(row, reading),
        source_id=label(row, "source_id"),
        reason=optional_text(row, "reason"),
    )


TABLE = Format("table", "Table with a column mapping", _recognise, _read, columns=FIELDS)
