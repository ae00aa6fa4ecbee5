"""AlpacaEval outputs and annotations, AlpacaFarm pairs, LLMBar, and battles by instruction id."""

from typing import Any

from annotation.imports.formats.conversations import user_prompt
from annotation.imports.formats.fields import keep, label, number, optional_text, text
from annotation.imports.formats.format import Format, has
from annotation.imports.formats.instructions import instruction_prompt
from annotation.imports.formats.preference_answers import judged_answer
from annotation.imports.formats.reading_options import Reading
from annotation.imports.formats.refusals import Refused
from annotation.imports.formats.rows import (
    HUMAN,
    JUDGE,
    LEFT,
    RIGHT,
    TIE,
    Answer,
    ComparisonRow,
    CompletionRow,
    PromptRow,
    Row,
)
from annotation.imports.formats.verdicts import choice_of, refuse_same_answers

DATASET = "alpaca_eval"
_KEPT = ("raw_completion", "price_per_example", "time_per_example", "date", "annotator_index")


def _recognise_outputs(record: Any) -> str:
    return "outputs" if has(record, "instruction", "output", "generator") else ""


def _read_outputs(record: dict[str, Any], reading: Reading) -> list[Row]:
    return [
        CompletionRow(
            prompt=_prompt(record),
            answer=judged_answer(
                text(record, "output", empty=True),
                text(record, "generator"),
                metadata=keep(record, ("datasplit", "samplers")),
            ),
        )
    ]


def _prompt(record: dict[str, Any]) -> PromptRow:
    dataset = optional_text(record, "dataset")
    tags = (dataset,) if dataset else ()
    if "instruction" not in record:
        return PromptRow(source=DATASET, source_id=label(record, "instruction_id"), tags=tags)
    given = optional_text(record, "input")
    if given.strip():
        return instruction_prompt(text(record, "instruction"), given, tags=tags)
    return user_prompt(text(record, "instruction"), tags=tags)


def _recognise_annotations(record: Any) -> str:
    if not has(record, "preference"):
        return ""
    if has(record, "instruction_id", "generator_1", "generator_2"):
        return "battles"
    if has(record, "instruction", "generator_1", "generator_2"):
        return "alpaca_eval"
    return "alpaca_farm" if has(record, "instruction", "output_1", "output_2") else ""


def _read_annotations(record: dict[str, Any], reading: Reading) -> list[Row]:
    """One comparison; output_1 is the baseline. The sides that the judge saw are not in the file.

    preference: 1 is output_1, 2 is output_2, 1.5 a tie (0 in old files), between 1 and 2 the
    judge's probability; null is a reply that could not be read, and is refused, not a tie.
    """
    score = number(record, "preference")
    if score is None:
        raise Refused("is null: the judge's reply could not be read, which is no tie", "preference")
    if score == 0.0:
        score = 1.5
    if not 1.0 <= score <= 2.0:
        raise Refused(f"is {score:g}; 1 to 2, or 0 for a tie, belongs here", "preference")
    left, right = (_side(record, number_) for number_ in ("1", "2"))
    choice = TIE if score == 1.5 else RIGHT if score > 1.5 else LEFT
    refuse_same_answers(left, right, choice, "output_1")
    annotator = label(record, "annotator")
    return [
        ComparisonRow(
            prompt=_prompt(record),
            left=left,
            right=right,
            choice=choice,
            right_share=score - 1.0 if score not in (1.0, 1.5, 2.0) else None,
            annotator=annotator,
            judged_by=reading.options.judged_by or (JUDGE if _is_judge(record) else HUMAN),
            source_id=label(record, "id"),
            reason=optional_text(record, "raw_completion")
            if type(record.get("raw_completion")) is str
            else "",
            metadata=keep(record, tuple(key for key in _KEPT if key != "raw_completion")),
        )
    ]


def _is_judge(record: dict[str, Any]) -> bool:
    """AlpacaFarm's people have numbers or none; AlpacaEval's annotators are models."""
    return "generator_1" in record or not label(record, "annotator").isdigit()


def _side(record: dict[str, Any], which: str) -> Answer:
    said = record.get(f"output_{which}")
    generator = optional_text(record, f"generator_{which}")
    if said is None:
        if not generator:
            raise Refused("is missing, and so is its generator", f"output_{which}")
        return Answer(text=None, generator=generator)
    return judged_answer(text(record, f"output_{which}", empty=True), generator)


def _recognise_llmbar(record: Any) -> str:
    return "llmbar" if has(record, "input", "output_1", "output_2", "label") else ""


def _read_llmbar(record: dict[str, Any], reading: Reading) -> list[Row]:
    left, right = (
        judged_answer(text(record, key, empty=True), optional_text(record, name))
        for key, name in (("output_1", "generator_1"), ("output_2", "generator_2"))
    )
    choice = choice_of(record.get("label"), reading, "label", {"1": LEFT, "2": RIGHT})
    refuse_same_answers(left, right, choice, "output_1")
    return [
        ComparisonRow(
            prompt=user_prompt(text(record, "input")),
            left=left,
            right=right,
            choice=choice,
            annotator=label(record, "annotator"),
            source_id=label(record, "id"),
        )
    ]


ALPACA_EVAL_OUTPUTS = Format(
    "alpaca_eval_outputs", "AlpacaEval outputs", _recognise_outputs, _read_outputs
)
ALPACA_EVAL_ANNOTATIONS = Format(
    "alpaca_eval_annotations",
    "AlpacaEval and AlpacaFarm annotations",
    _recognise_annotations,
    _read_annotations,
)
LLMBAR = Format("llmbar", "LLMBar pairs", _recognise_llmbar, _read_llmbar)
