"""ShareGPT: conversations of `from` and `value`, in every dialect that circulates.

Variants: `from_value`, `role_content` (other key names), `items` (another list name), `bare` (the
record is the list), `pairs` (lists of question and answer). A value may be HTML.
"""

import itertools
from typing import Any

from annotation.domain.html_markdown import HtmlRefused, html_to_markdown, looks_like_html
from annotation.imports.formats.conversations import (
    LEADING_DROPPED,
    TRAILING_DROPPED,
    keys_of,
    messages,
)
from annotation.imports.formats.fields import items, keep, kind_of, label, optional_text
from annotation.imports.formats.format import Format, has, has_list
from annotation.imports.formats.reading_options import Reading
from annotation.imports.formats.refusals import Refused
from annotation.imports.formats.rows import (
    ASSISTANT,
    SYSTEM,
    TOOL,
    USER,
    DemonstrationRow,
    Message,
    PromptRow,
    Row,
)

_KEPT = ("plugins", "tools", "title", "model", "lang", "markdown")
_CUT = "conversation cut before its first empty turn"
_HTML = "HTML turned into Markdown"
_ALTERNATE = {USER: (ASSISTANT,), ASSISTANT: (USER, TOOL), TOOL: (ASSISTANT, TOOL)}


def recognise(record: Any) -> str:
    """The variant of one record, or ""."""
    if has_list(record, "conversations"):
        return "role_content" if "role" in _first(record["conversations"]) else "from_value"
    if has_list(record, "items") and "from" in _first(record["items"]):
        return "items"
    if type(record) is list and record:
        if type(record[0]) is dict and {"from", "role"} & set(record[0]):
            return "bare"
        if type(record[0]) in (list, str):
            return "pairs"
    return ""


def _first(turns: Any) -> Any:
    return turns[0] if type(turns) is list and turns and type(turns[0]) is dict else {}


def read(record: Any, reading: Reading) -> list[Row]:
    """One demonstration (the last answer after all turns before it), or a prompt without answer."""
    path, turns = turns_of(record)
    if not turns:
        raise Refused("has no turns", path)
    role_key, text_key = keys_of(turns)
    found = messages(turns, reading, path, role_key=role_key, text_key=text_key)
    if reading.options.html is not False:
        found = _without_html(found, reading, path)
    fields = record if type(record) is dict else {}
    system = optional_text(fields, "system")
    if system and found[0].role != SYSTEM:
        found.insert(0, Message(SYSTEM, system))
    return conversation_rows(found, reading, path, fields)


def turns_of(record: Any) -> tuple[str, list[Any]]:
    """Where the turns are and the turns, as objects."""
    if type(record) is dict:
        key = "conversations" if "conversations" in record or "items" not in record else "items"
        return key, items(record, key, empty=True)
    if type(record) is not list:
        raise Refused(f"is {kind_of(record)} where a conversation belongs")
    flat: list[Any] = []
    for position, item in enumerate(record):
        if type(item) is dict:
            flat.append(item)
        elif type(item) is str:
            flat.append({"from": "gpt" if len(flat) % 2 else "human", "value": item})
        elif type(item) is list and len(item) == 2 and all(type(side) is str for side in item):
            flat += [{"from": "human", "value": item[0]}, {"from": "gpt", "value": item[1]}]
        else:
            raise Refused("is no turn, no text and no pair of texts", f"[{position}]")
    return "", flat


def _without_html(found: list[Message], reading: Reading, path: str) -> list[Message]:
    for position, item in enumerate(found):
        if "<" not in item.content:
            continue
        if reading.options.html or (item.role == ASSISTANT and looks_like_html(item.content)):
            try:
                text = html_to_markdown(item.content, limit=reading.options.html_bytes)
            except HtmlRefused as error:
                raise Refused(str(error), f"{path}[{position}]") from None
            reading.fixed(_HTML)
            found[position] = Message(
                item.role, text, item.name, item.tool_calls, item.tool_call_id
            )
    return found


def conversation_rows(
    found: list[Message], reading: Reading, path: str, fields: dict[str, Any]
) -> list[Row]:
    """Trim a conversation to whole rounds, say what was trimmed, and refuse one out of order."""
    start = 0
    while start < len(found) and found[start].role == SYSTEM:
        start += 1
    head, body = found[:start], found[start:]
    lead = next((at for at, item in enumerate(body) if item.role == USER), len(body))
    if lead == len(body):
        raise Refused("holds no turn of a user", path)
    if lead:
        reading.fixed(LEADING_DROPPED)
        body = body[lead:]
    empty = next((at for at, item in enumerate(body) if _blank(item)), None)
    if empty is not None:
        reading.fixed(_CUT)
        body = body[:empty]
    for at, (item, after) in enumerate(itertools.pairwise(body)):
        if after.role not in _ALTERNATE[item.role]:
            where = f"{path}[{start + lead + at + 1}]"
            raise Refused(f"a turn of the {after.role} follows one of the {item.role}", where)
    if len(body) > 1 and body[-1].role != ASSISTANT:
        reading.fixed(TRAILING_DROPPED)
        while body[-1].role != ASSISTANT:
            body.pop()
    if not body:
        raise Refused("is empty before its first answer", path)
    prompt_fields: dict[str, Any] = {
        "source_id": label(fields, "id"),
        "language": optional_text(fields, "lang"),
        "metadata": keep(fields, _KEPT),
    }
    if len(body) == 1:
        return [PromptRow(messages=(*head, *body), **prompt_fields)]
    prompt = PromptRow(messages=(*head, *body[:-1]), **prompt_fields)
    author = optional_text(fields, "model")
    return [DemonstrationRow(prompt=prompt, text=body[-1].content, author=author)]


def _blank(item: Message) -> bool:
    return not item.tool_calls and not item.content.strip()


SHAREGPT = Format(
    "sharegpt",
    "ShareGPT conversations",
    lambda record: "" if has(record, "chosen") else recognise(record),
    read,
)
