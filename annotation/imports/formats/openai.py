"""OpenAI's fine-tuning lines: chat messages, and preferences between two outputs."""

from typing import Any

from annotation.imports.formats.conversations import (
    TRAILING_DROPPED,
    messages,
    refuse_without_question,
)
from annotation.imports.formats.fields import items, keep, label, nested
from annotation.imports.formats.format import Format, has, has_list
from annotation.imports.formats.preference_answers import (
    chosen_and_rejected,
    judged_answer,
    preference,
)
from annotation.imports.formats.reading_options import Reading
from annotation.imports.formats.refusals import Refused
from annotation.imports.formats.rows import ASSISTANT, DemonstrationRow, PromptRow, Row

_KEPT = ("tools", "functions", "parallel_tool_calls", "metadata")


def _recognise_messages(record: Any) -> str:
    if not has_list(record, "messages") or has(record, "states"):
        return ""
    return "with_tools" if "tools" in record or "functions" in record else "chat"


def _read_messages(record: dict[str, Any], reading: Reading) -> list[Row]:
    """A demonstration of the last answer; messages without any answer are a prompt."""
    found = messages(items(record, "messages"), reading, "messages")
    refuse_without_question(found, "messages")
    fields: dict[str, Any] = {"source_id": label(record, "id"), "metadata": keep(record, _KEPT)}
    if not any(item.role == ASSISTANT for item in found):
        return [PromptRow(messages=tuple(found), **fields)]
    while found[-1].role != ASSISTANT:
        reading.fixed(TRAILING_DROPPED)
        found.pop()
    refuse_without_question(found[:-1], "messages")
    last = found[-1]
    if not last.content.strip() and not last.tool_calls:
        raise Refused("is an empty answer", f"messages[{len(found) - 1}].content")
    metadata = {"tool_calls": last.tool_calls} if last.tool_calls else {}
    prompt = PromptRow(messages=tuple(found[:-1]), **fields)
    return [DemonstrationRow(prompt=prompt, text=last.content, metadata=metadata)]


def _recognise_dpo(record: Any) -> str:
    return "dpo" if has(record, "preferred_output", "non_preferred_output") else ""


def _read_dpo(record: dict[str, Any], reading: Reading) -> list[Row]:
    given = nested(record, "input")
    try:
        turns = tuple(messages(items(given, "messages"), reading, "messages"))
    except Refused as error:
        raise error.under("input") from None
    turns, chosen, rejected = chosen_and_rejected(
        record,
        reading,
        turns,
        chosen_key="preferred_output",
        rejected_key="non_preferred_output",
    )
    refuse_without_question(turns, "input.messages")
    prompt = PromptRow(messages=turns, metadata=keep(given, _KEPT))
    return [preference(prompt, judged_answer(chosen), judged_answer(rejected))]


OPENAI_MESSAGES = Format(
    "openai_messages", "OpenAI chat messages", _recognise_messages, _read_messages
)
OPENAI_DPO = Format("openai_dpo", "OpenAI preference lines", _recognise_dpo, _read_dpo)
