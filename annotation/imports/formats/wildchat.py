"""WildChat: conversations with moderation and languages; personal fields are left behind."""

from typing import Any

from annotation.imports.formats.conversations import messages
from annotation.imports.formats.fields import keep, label, objects, optional_text
from annotation.imports.formats.format import Format, has, has_list
from annotation.imports.formats.reading_options import Reading
from annotation.imports.formats.rows import DemonstrationRow, PromptRow, Row
from annotation.imports.formats.sharegpt import conversation_rows

PERSONAL = ("hashed_ip", "header", "state", "country")
_KEPT = ("model", "timestamp", "turn", "openai_moderation", "detoxify_moderation")
_PER_TURN = ("turn_identifier", "language", "toxic", "redacted", "timestamp")


def recognise(record: Any) -> str:
    """`1M` has conversation_hash, the early release conversation_id."""
    if not has(record, "model") or not has_list(record, "conversation"):
        return ""
    if "conversation_hash" in record:
        return "1M"
    return "early" if "conversation_id" in record else ""


def read(record: dict[str, Any], reading: Reading) -> list[Row]:
    """One demonstration by the model, with toxicity and language of each turn in the metadata."""
    turns = objects(record, "conversation")
    if any(record.get(key) for key in PERSONAL) or any(
        turn.get(key) for turn in turns for key in PERSONAL
    ):
        reading.fixed("hashed_ip, header, state and country left behind")
    found = messages(turns, reading, "conversation")
    rows = conversation_rows(found, reading, "conversation", {})
    metadata = keep(record, _KEPT)
    metadata["turns"] = [keep(turn, _PER_TURN) for turn in turns]
    for key in ("openai_moderation", "detoxify_moderation"):
        if key in metadata:
            metadata[key] = [_one_spelling(item) for item in metadata[key]]
    flags = tuple(
        flag
        for flag in ("toxic", "redacted")
        if record.get(flag) is True or any(turn.get(flag) is True for turn in turns)
    )
    row = rows[0]
    old = row.prompt if isinstance(row, DemonstrationRow) else row
    assert isinstance(old, PromptRow)
    prompt = PromptRow(
        messages=old.messages,
        source_id=label(record, "conversation_hash") or label(record, "conversation_id"),
        language=optional_text(record, "language"),
        flags=flags,
        metadata=metadata,
    )
    if isinstance(row, DemonstrationRow):
        author = optional_text(record, "model")
        return [DemonstrationRow(prompt=prompt, text=row.text, author=author)]
    return [prompt]


def _one_spelling(moderation: Any) -> Any:
    """The release writes each category with a slash and again with an underscore."""
    if type(moderation) is not dict:
        return moderation
    return {
        key: {
            name: score
            for name, score in value.items()
            if name.replace("/", "_") not in value or "/" not in name
        }
        if type(value) is dict
        else value
        for key, value in moderation.items()
    }


WILDCHAT = Format("wildchat", "WildChat conversations", recognise, read, dataset="wildchat")
