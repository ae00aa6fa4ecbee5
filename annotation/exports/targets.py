"""Rows in the shapes that other tools take: OpenAI's fine-tuning files and LLaMA-Factory's.

Ties and "both bad" prefer nothing, and these files cannot say so: their rows are left out. What a
shape cannot hold is left out too, and both are counted.
"""

import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from annotation.exports.parquet import _Drain
from annotation.exports.plan import Kind

_HUMAN = {"user": "human", "tool": "observation"}
_MODEL = {"assistant": "gpt"}
Made = dict[str, Any] | None


@dataclass
class Skipped:
    """rows: lines that a target could not hold."""

    rows: int = 0


def openai(blocks: Iterable[bytes], kind: Kind, skipped: Skipped) -> Iterator[bytes]:
    """https://platform.openai.com/docs/guides: `messages`, or input and two outputs (DPO)."""
    return _converted(blocks, _OPENAI[kind], skipped)


def llama_factory(
    blocks: Iterable[bytes], kind: Kind, name: str, skipped: Skipped
) -> Iterator[bytes]:
    """A zip of the data in the ShareGPT layout and the dataset_info.json that goes with it.

    name: the data set's, ASCII letters, digits, "-" and "_".
    """
    info = {name: {"file_name": f"{name}.jsonl", **_INFO[kind]}}
    drain = _Drain()
    with zipfile.ZipFile(drain, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as packed:
        packed.writestr(_entry("dataset_info.json"), msgspec.json.format(msgspec.json.encode(info)))
        with packed.open(_entry(f"{name}.jsonl"), "w", force_zip64=True) as file:
            for block in _converted(blocks, _LLAMA_FACTORY[kind], skipped):
                file.write(block)
                if made := drain.take():
                    yield made
    yield drain.take()


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name)  # its time is 1980: the same bytes on every day
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = 0o644 << 16
    entry.create_system = 3
    return entry


def _converted(
    blocks: Iterable[bytes], convert: Callable[[dict[str, Any]], Made], skipped: Skipped
) -> Iterator[bytes]:
    decode, encode = msgspec.json.Decoder().decode, msgspec.json.Encoder().encode
    for block in blocks:
        made = []
        for line in block.splitlines():
            row = convert(decode(line))
            if row is None:
                skipped.rows += 1
            else:
                made.append(encode(row))
        if made:
            yield b"\n".join(made) + b"\n"


def _messages(value: Any, role: str) -> list[dict[str, Any]]:
    return [{"role": role, "content": value}] if isinstance(value, str) else value


def _openai_completion(row: dict[str, Any]) -> Made:
    answer = _messages(row["completion"], "assistant")
    return {"messages": [*_messages(row["prompt"], "user"), *answer]}


def _openai_preference(row: dict[str, Any]) -> Made:
    if row["tie"]:
        return None
    return {
        "input": {
            "messages": _messages(row["prompt"], "user"),
            "tools": [],
            "parallel_tool_calls": True,
        },
        "preferred_output": _messages(row["chosen"], "assistant"),
        "non_preferred_output": _messages(row["rejected"], "assistant"),
    }


def _sharegpt(row: dict[str, Any]) -> Made:
    """system and conversations; None unless questions and answers take turns, as it demands."""
    messages = _messages(row["prompt"], "user")
    system = ""
    if messages and messages[0]["role"] == "system":
        system, messages = messages[0]["content"], messages[1:]
    turns = []
    for place, message in enumerate(messages):
        speaker = (_HUMAN if place % 2 == 0 else _MODEL).get(message["role"])
        if speaker is None or message.get("tool_calls"):
            return None
        turns.append({"from": speaker, "value": message["content"]})
    if len(turns) % 2 == 0:
        return None
    return {"system": system, "conversations": turns}


def _said(value: Any) -> dict[str, Any]:
    return {"from": "gpt", "value": _messages(value, "assistant")[-1]["content"]}


def _llama_completion(row: dict[str, Any]) -> Made:
    made = _sharegpt(row)
    if made is not None:
        made["conversations"].append(_said(row["completion"]))
    return made


def _llama_preference(row: dict[str, Any]) -> Made:
    made = None if row["tie"] else _sharegpt(row)
    if made is None:
        return None
    return made | {"chosen": _said(row["chosen"]), "rejected": _said(row["rejected"])}


def _llama_unpaired(row: dict[str, Any]) -> Made:
    made = _llama_completion(row)
    return None if made is None else made | {"kto_tag": row["label"]}


_OPENAI: dict[Kind, Callable[[dict[str, Any]], Made]] = {
    Kind.PROMPT_COMPLETION: _openai_completion,
    Kind.PREFERENCE: _openai_preference,
}
_LLAMA_FACTORY: dict[Kind, Callable[[dict[str, Any]], Made]] = {
    Kind.PROMPT_COMPLETION: _llama_completion,
    Kind.PREFERENCE: _llama_preference,
    Kind.UNPAIRED: _llama_unpaired,
}
_SHAREGPT = {"messages": "conversations", "system": "system"}
_INFO: dict[Kind, dict[str, Any]] = {
    Kind.PROMPT_COMPLETION: {"formatting": "sharegpt", "columns": _SHAREGPT},
    Kind.PREFERENCE: {
        "formatting": "sharegpt",
        "ranking": True,
        "columns": _SHAREGPT | {"chosen": "chosen", "rejected": "rejected"},
    },
    Kind.UNPAIRED: {"formatting": "sharegpt", "columns": _SHAREGPT | {"kto_tag": "kto_tag"}},
}
OPENAI_KINDS, LLAMA_FACTORY_KINDS = tuple(_OPENAI), tuple(_LLAMA_FACTORY)
