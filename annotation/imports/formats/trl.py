"""TRL's data set types, standard (texts) and conversational (messages), and HH-RLHF transcripts."""

import re
from typing import Any

from msgspec import structs

from annotation.imports.formats.conversations import refuse_without_question
from annotation.imports.formats.fields import (
    keep,
    label,
    number,
    optional_text,
    text,
    yes_or_no,
)
from annotation.imports.formats.format import Format, has
from annotation.imports.formats.own_export import (
    is_own,
    own_answer,
    own_comparison,
    own_judge,
    own_prompt,
)
from annotation.imports.formats.preference_answers import (
    answer_after,
    chosen_and_rejected,
    judged_answer,
    preference,
    prompt_turns,
    turns_or_text,
)
from annotation.imports.formats.reading_options import Reading
from annotation.imports.formats.refusals import Refused
from annotation.imports.formats.rows import (
    ASSISTANT,
    USER,
    DemonstrationRow,
    Message,
    PromptRow,
    RatingRow,
    Row,
)

_SPEAKER = re.compile(r"\n\n(Human|Assistant):")


def _shape(record: Any, key: str) -> str:
    return "conversational" if type(record[key]) in (list, dict) else "standard"


def _recognise_prompt_only(record: Any) -> str:
    if not has(record, "prompt") or {"completion", "chosen", "rejected"} & set(record):
        return ""
    return _shape(record, "prompt")


def _read_prompt_only(record: dict[str, Any], reading: Reading) -> list[Row]:
    return [_prompt(record, prompt_turns(_required(record, "prompt"), reading, "prompt"))]


def _recognise_prompt_completion(record: Any) -> str:
    if not has(record, "prompt", "completion") or "label" in record:
        return ""
    return _shape(record, "completion")


def _read_prompt_completion(record: dict[str, Any], reading: Reading) -> list[Row]:
    turns, answer = _prompt_and_completion(record, reading)
    if not answer.strip():
        raise Refused("is empty", "completion")
    author = label(record, "annotator") if is_own(record) else ""
    return [DemonstrationRow(prompt=_prompt(record, turns), text=answer, author=author)]


def _recognise_unpaired(record: Any) -> str:
    return _shape(record, "completion") if has(record, "prompt", "completion", "label") else ""


def _read_unpaired(record: dict[str, Any], reading: Reading) -> list[Row]:
    turns, answer = _prompt_and_completion(record, reading)
    row = thumb(_prompt(record, turns), answer, record, "label")
    if is_own(record):
        row = structs.replace(
            row, answer=own_answer(record, row.answer), judged_by=own_judge(record)
        )
    return [row]


def thumb(prompt: PromptRow, answer: str, record: dict[str, Any], key: str) -> RatingRow:
    """A thumbs up or down on one answer."""
    liked = yes_or_no(record, key)
    if liked is None:
        raise Refused("is missing or null; true or false belongs here", key)
    return RatingRow(
        prompt=prompt,
        answer=judged_answer(answer, optional_text(record, "generator")),
        aspect="label",
        score=float(liked),
        lowest=0.0,
        highest=1.0,
        annotator=label(record, "annotator"),
    )


def _recognise_preference(record: Any) -> str:
    if not has(record, "chosen", "rejected"):
        return ""
    shape = _shape(record, "chosen")
    shape = "margin" if "margin" in record else shape
    return shape if "prompt" in record else f"{shape}_implicit_prompt"


def _read_preference(record: dict[str, Any], reading: Reading) -> list[Row]:
    given = record.get("prompt")
    turns = prompt_turns(given, reading, "prompt") if given else ()
    turns, chosen, rejected = chosen_and_rejected(record, reading, turns)
    refuse_without_question(turns, "prompt")
    margin = number(record, "margin")
    row = preference(
        _prompt(record, turns),
        judged_answer(chosen, optional_text(record, "chosen_model")),
        judged_answer(rejected, optional_text(record, "rejected_model")),
        strength=margin,
        annotator=label(record, "annotator"),
        group=label(record, "group"),
        metadata={"strength_scale": "margin"} if margin is not None else {},
    )
    return [own_comparison(record, row) if is_own(record) else row]


def _required(record: dict[str, Any], key: str) -> Any:
    if record.get(key) is None:
        raise Refused("is missing or null", key)
    return record[key]


def _prompt(record: dict[str, Any], turns: tuple[Message, ...]) -> PromptRow:
    prompt = PromptRow(
        messages=turns,
        source_id=label(record, "prompt_id") or label(record, "id"),
        metadata=keep(record, ("tools", "chat_template_kwargs", "source", "template")),
    )
    return own_prompt(record, prompt) if is_own(record) else prompt


def _prompt_and_completion(
    record: dict[str, Any], reading: Reading
) -> tuple[tuple[Message, ...], str]:
    turns = prompt_turns(_required(record, "prompt"), reading, "prompt")
    completion = turns_or_text(_required(record, "completion"), reading, "completion")
    return answer_after(turns, completion, "completion")


def _recognise_hh(record: Any) -> str:
    if not has(record, "chosen", "rejected") or "prompt" in record:
        return ""
    sides = (record["chosen"], record["rejected"])
    transcripts = all(type(side) is str and _SPEAKER.match(side) for side in sides)
    return "transcripts" if transcripts else ""


def _read_hh(record: dict[str, Any], reading: Reading) -> list[Row]:
    """Both transcripts, cut at the last answer; what comes before it must be the same."""
    chosen, rejected = (transcript(text(record, key), key) for key in ("chosen", "rejected"))
    if chosen[:-1] != rejected[:-1]:
        raise Refused("differs from chosen before the last answer", "rejected")
    refuse_without_question(chosen[:-1], "chosen")
    return [
        preference(
            PromptRow(messages=tuple(chosen[:-1])),
            judged_answer(chosen[-1].content),
            judged_answer(rejected[-1].content),
        )
    ]


def transcript(whole: str, path: str) -> list[Message]:
    """The turns of "\\n\\nHuman: ...\\n\\nAssistant: ...", ending with an answer."""
    parts = _SPEAKER.split(whole)
    if parts[0].strip():
        raise Refused("does not start with a speaker's name", path)
    turns = [
        Message(USER if speaker == "Human" else ASSISTANT, said.strip())
        for speaker, said in zip(parts[1::2], parts[2::2], strict=True)
    ]
    if not turns or turns[-1].role != ASSISTANT:
        raise Refused("does not end with the assistant's turn", path)
    return turns


TRL_PROMPT_ONLY = Format(
    "trl_prompt_only", "TRL prompt only", _recognise_prompt_only, _read_prompt_only
)
TRL_PROMPT_COMPLETION = Format(
    "trl_prompt_completion",
    "TRL prompt and completion",
    _recognise_prompt_completion,
    _read_prompt_completion,
)
TRL_UNPAIRED = Format(
    "trl_unpaired", "TRL unpaired preference", _recognise_unpaired, _read_unpaired
)
TRL_PREFERENCE = Format("trl_preference", "TRL preference", _recognise_preference, _read_preference)
HH_RLHF = Format("hh_rlhf", "HH-RLHF transcripts", _recognise_hh, _read_hh)
