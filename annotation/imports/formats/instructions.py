"""Instruction data of one turn: Alpaca, Dolly, and self-instruct's seeds and generations."""

from typing import Any

from annotation.imports.formats.fields import (
    items,
    keep,
    kind_of,
    label,
    nested,
    objects,
    optional_text,
    text,
    yes_or_no,
)
from annotation.imports.formats.format import Format, has, has_list
from annotation.imports.formats.reading_options import Reading
from annotation.imports.formats.refusals import Refused
from annotation.imports.formats.rows import (
    ASSISTANT,
    SYSTEM,
    USER,
    DemonstrationRow,
    Message,
    PromptRow,
    Row,
)

END_OF_TEXT = "<|endoftext|>"
EMPTY_ANSWER = "empty answer: kept as a prompt"

# Dolly's eight categories among the ten use cases of InstructGPT.
DOLLY_USE_CASES = {
    "brainstorming": "brainstorming",
    "classification": "classification",
    "closed_qa": "closed_qa",
    "creative_writing": "generation",
    "general_qa": "open_qa",
    "information_extraction": "extract",
    "open_qa": "open_qa",
    "summarization": "summarization",
}


def instruction_prompt(
    instruction: str,
    given: str,
    *,
    system: str = "",
    history: list[Message] | None = None,
    template: str = "alpaca",
    **fields: Any,
) -> PromptRow:
    """One user turn of the instruction and, below a blank line, its input.

    The metadata keep the input and the template's name, from which both parts can be had again.
    Raises Refused when both are blank.
    """
    metadata = dict(fields.pop("metadata", {}))
    content = instruction if instruction.strip() else given
    if not content.strip():
        raise Refused("is empty, and so is the input", "instruction")
    if given.strip() and instruction.strip():
        content = f"{instruction}\n\n{given}"
        metadata |= {"input": given, "template": template}
    turns = (
        *((Message(SYSTEM, system),) if system else ()),
        *(history or ()),
        Message(USER, content),
    )
    return PromptRow(messages=turns, metadata=metadata, **fields)


def history_of(record: dict[str, Any]) -> list[Message]:
    """LLaMA-Factory's `history`: earlier rounds as pairs of question and answer."""
    if not record.get("history"):
        return []
    turns = []
    for position, pair in enumerate(items(record, "history")):
        if type(pair) is not list or [type(side) for side in pair] != [str, str]:
            raise Refused("is no pair of question and answer", f"history[{position}]")
        turns += [Message(USER, pair[0]), Message(ASSISTANT, pair[1])]
    return turns


def demonstration_or_prompt(
    prompt: PromptRow, answer: str, reading: Reading, *, author: str = "", **fields: Any
) -> list[Row]:
    """A demonstration; with an empty answer the prompt alone, and a word about it."""
    if answer.strip():
        return [DemonstrationRow(prompt=prompt, text=answer, author=author, **fields)]
    reading.fixed(EMPTY_ANSWER)
    return [prompt]


def _recognise_alpaca(record: Any) -> str:
    if not has(record, "instruction", "output") or has(record, "generator"):
        return ""
    return (
        "with_history" if "history" in record or "system" in record else "instruction_input_output"
    )


def _read_alpaca(record: dict[str, Any], reading: Reading) -> list[Row]:
    prompt = instruction_prompt(
        text(record, "instruction"),
        optional_text(record, "input"),
        system=optional_text(record, "system"),
        history=history_of(record),
        source_id=label(record, "id"),
    )
    return demonstration_or_prompt(prompt, text(record, "output", empty=True), reading)


def _recognise_dolly(record: Any) -> str:
    return "15k" if has(record, "instruction", "context", "response") else ""


def _read_dolly(record: dict[str, Any], reading: Reading) -> list[Row]:
    category = optional_text(record, "category")
    prompt = instruction_prompt(
        text(record, "instruction"),
        optional_text(record, "context"),
        template="dolly",
        use_case=DOLLY_USE_CASES.get(category, ""),
        metadata=keep(record, ("category",)),
    )
    return demonstration_or_prompt(prompt, text(record, "response", empty=True), reading)


def _recognise_seeds(record: Any) -> str:
    return "seed_tasks" if has(record, "instruction") and has_list(record, "instances") else ""


def _read_seeds(record: dict[str, Any], reading: Reading) -> list[Row]:
    """One demonstration for each instance of the task."""
    instruction = text(record, "instruction")
    metadata = keep(record, ("name",))
    classification = yes_or_no(record, "is_classification")
    if classification is not None:
        metadata["is_classification"] = classification
    rows: list[Row] = []
    for position, instance in enumerate(objects(record, "instances")):
        if type(instance.get("output")) is not str:
            raise Refused(
                f"is {kind_of(instance.get('output'))} where a text belongs",
                f"instances[{position}].output",
            )
        prompt = instruction_prompt(
            instruction,
            optional_text(instance, "input"),
            template="self_instruct",
            source_id=label(record, "id"),
            use_case="classification" if classification else "",
            metadata=metadata,
        )
        rows += demonstration_or_prompt(prompt, instance["output"], reading)
    return rows


def _recognise_generations(record: Any) -> str:
    if has(record, "instruction", "raw_instances"):
        return "raw_instances"
    if has(record, "instruction", "most_similar") or has(record, "instruction", "request_idx"):
        return "instructions"
    ends = record.get("completion") if type(record) is dict else None
    if has(record, "prompt") and type(ends) is str and ends.endswith(END_OF_TEXT):
        return "finetuning"
    return "classification_or_not" if has(record, "instruction", "is_classification") else ""


def _read_generations(record: dict[str, Any], reading: Reading) -> list[Row]:
    """Machine-written tasks: instructions alone are prompts, finetuning lines demonstrations.

    Raw instances stay beside their prompt; `domain.self_instruct` parses and filters them.
    """
    if "completion" in record:
        answer = text(record, "completion", empty=True)
        if answer.endswith(END_OF_TEXT):
            answer = answer[: -len(END_OF_TEXT)]
            reading.fixed("end-of-text mark removed")
        if answer.startswith(" "):
            answer = answer[1:]  # self-instruct's templates put one space before the answer
        turns = (Message(USER, text(record, "prompt")),)
        prompt = PromptRow(messages=turns, metadata=keep(record, ("template",)))
        return demonstration_or_prompt(prompt, answer, reading)
    metadata = keep(
        record, ("raw_instances", "avg_similarity_score", "request_idx", "is_classification")
    )
    similar = record.get("most_similar")
    if type(similar) is dict and similar:
        nearest = max(
            similar, key=lambda key: similar[key] if type(similar[key]) in (int, float) else 0
        )
        metadata["most_similar"] = {nearest: nested(record, "most_similar")[nearest]}
    turns = (Message(USER, text(record, "instruction")),)
    return [PromptRow(messages=turns, flags=("machine_written",), metadata=metadata)]


ALPACA = Format("alpaca", "Alpaca instructions", _recognise_alpaca, _read_alpaca)
DOLLY = Format("dolly", "Dolly instructions", _recognise_dolly, _read_dolly)
SELF_INSTRUCT_SEEDS = Format(
    "self_instruct_seeds", "Self-instruct seed tasks", _recognise_seeds, _read_seeds
)
SELF_INSTRUCT_GENERATIONS = Format(
    "self_instruct_generations",
    "Self-instruct generations",
    _recognise_generations,
    _read_generations,
)
