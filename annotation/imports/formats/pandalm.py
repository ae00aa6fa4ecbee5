"""PandaLM's test set: two answers, and the verdict of each of three people."""

import re
from typing import Any

from annotation.imports.formats.fields import keep, label, optional_text, text
from annotation.imports.formats.format import Format, has
from annotation.imports.formats.instructions import instruction_prompt
from annotation.imports.formats.preference_answers import judged_answer
from annotation.imports.formats.reading_options import Reading
from annotation.imports.formats.refusals import Refused
from annotation.imports.formats.rows import LEFT, RIGHT, TIE, ComparisonRow, Row
from annotation.imports.formats.verdicts import choice_of, refuse_same_answers

_ANNOTATOR = re.compile(r"annotator(\d+)")
_VERDICTS = {"0": TIE, "1": LEFT, "2": RIGHT}


def _recognise(record: Any) -> str:
    if not has(record, "response1", "response2", "instruction"):
        return ""
    return "annotators" if any(_ANNOTATOR.fullmatch(str(key)) for key in record) else ""


def _read(record: dict[str, Any], reading: Reading) -> list[Row]:
    """One comparison a person; they share the record's number as their group."""
    prompt = instruction_prompt(
        text(record, "instruction", empty=True),
        optional_text(record, "input"),
        template="pandalm",
        source_id=label(record, "idx"),
        metadata=keep(record, ("motivation_app",)),
    )
    names = optional_text(record, "cmp_key").split("_")
    pair = names if len(names) == 2 else ("", "")
    left, right = (
        judged_answer(text(record, key, empty=True), name)
        for key, name in zip(("response1", "response2"), pair, strict=True)
    )
    metadata = keep(record, ("cmp_key",))
    rows: list[Row] = []
    for key in record:
        who = _ANNOTATOR.fullmatch(key)
        if not who or record[key] is None:
            continue
        choice = choice_of(record[key], reading, key, _VERDICTS)
        refuse_same_answers(left, right, choice, "response1")
        rows.append(
            ComparisonRow(
                prompt=prompt,
                left=left,
                right=right,
                choice=choice,
                annotator=key,
                group=label(record, "idx"),
                source_id=f"{label(record, 'idx')}/{key}",
                metadata=metadata,
            )
        )
    if not rows:
        raise Refused("holds no verdict of any annotator", "annotator1")
    return rows


PANDALM = Format("pandalm", "PandaLM test set", _recognise, _read, dataset="pandalm")
