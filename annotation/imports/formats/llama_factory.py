"""LLaMA-Factory's preference and KTO files, in Alpaca's and in ShareGPT's dress."""

from typing import Any

from annotation.imports.formats.conversations import (
    keys_of,
    messages,
    refuse_without_question,
    split_answer,
)
from annotation.imports.formats.fields import items, keep, label, optional_text, text
from annotation.imports.formats.format import Format, has, has_list
from annotation.imports.formats.instructions import history_of, instruction_prompt
from annotation.imports.formats.preference_answers import (
    chosen_and_rejected,
    judged_answer,
    preference,
)
from annotation.imports.formats.reading_options import Reading
from annotation.imports.formats.rows import SYSTEM, Message, PromptRow, Row
from annotation.imports.formats.trl import thumb


def _list_key(record: Any) -> str:
    return next((key for key in ("conversations", "messages") if has_list(record, key)), "")


def _recognise_preference(record: Any) -> str:
    if not has(record, "chosen", "rejected"):
        return ""
    if _list_key(record):
        return "sharegpt"
    return "alpaca" if has(record, "instruction") else ""


def _read_preference(record: dict[str, Any], reading: Reading) -> list[Row]:
    if _list_key(record):
        prompt = _conversation(record, reading)
    else:
        prompt = instruction_prompt(
            text(record, "instruction"),
            optional_text(record, "input"),
            system=optional_text(record, "system"),
            history=history_of(record),
            source_id=label(record, "id"),
        )
    turns, chosen, rejected = chosen_and_rejected(record, reading, prompt.messages)
    refuse_without_question(turns, _list_key(record) or "instruction")
    whole = PromptRow(messages=turns, source_id=prompt.source_id, metadata=prompt.metadata)
    return [preference(whole, judged_answer(chosen), judged_answer(rejected))]


def _conversation(record: dict[str, Any], reading: Reading) -> PromptRow:
    key = _list_key(record) or "conversations"
    turns = items(record, key)
    role_key, text_key = keys_of(turns)
    found = messages(turns, reading, key, role_key=role_key, text_key=text_key)
    system = optional_text(record, "system")
    if system and found[0].role != SYSTEM:
        found.insert(0, Message(SYSTEM, system))
    return PromptRow(
        messages=tuple(found), source_id=label(record, "id"), metadata=keep(record, ("tools",))
    )


def _tag(record: Any) -> str:
    if has(record, "kto_tag"):
        return "kto_tag"
    return "label" if _list_key(record) and type(record.get("label")) is bool else ""


def _recognise_kto(record: Any) -> str:
    if not _tag(record):
        return ""
    if _list_key(record):
        return _list_key(record)
    return "alpaca" if has(record, "instruction", "output") else ""


def _read_kto(record: dict[str, Any], reading: Reading) -> list[Row]:
    tag = _tag(record) or "kto_tag"
    if not _list_key(record) and "instruction" in record:
        prompt = instruction_prompt(
            text(record, "instruction"),
            optional_text(record, "input"),
            system=optional_text(record, "system"),
            history=history_of(record),
        )
        return [thumb(prompt, text(record, "output", empty=True), record, tag)]
    whole = _conversation(record, reading)
    turns, answer = split_answer(list(whole.messages), _list_key(record) or "conversations")
    prompt = PromptRow(messages=turns, source_id=whole.source_id, metadata=whole.metadata)
    return [thumb(prompt, answer, record, tag)]


LLAMA_FACTORY_PREFERENCE = Format(
    "llama_factory_preference",
    "LLaMA-Factory preference",
    _recognise_preference,
    _read_preference,
)
LLAMA_FACTORY_KTO = Format("llama_factory_kto", "LLaMA-Factory KTO", _recognise_kto, _read_kto)
