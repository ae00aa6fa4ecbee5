"""Whole conversations that were compared: how two of them become one prompt and two answers."""

from collections.abc import Sequence
from typing import Any

from annotation.imports.formats.refusals import Refused
from annotation.imports.formats.rows import ASSISTANT, SYSTEM, USER, Answer, Message, PromptRow

FOLLOW_UPS = "follow_ups"
FOLLOW_UP_ANSWERS = "follow_up_answers"


def sides(
    first: Sequence[Message],
    second: Sequence[Message],
    names: tuple[str, str],
    paths: tuple[str, str],
    **prompt_fields: Any,
) -> tuple[PromptRow, Answer, Answer]:
    """The prompt both models were given and what each answered.

    From the second round on each model has its own history, so that no prompt but the first is
    common: later questions are kept as the prompt's `follow_ups`, later answers with their answer.
    Raises Refused when the two were asked different things.
    """
    asked = [[item.content for item in side if item.role != ASSISTANT] for side in (first, second)]
    if asked[0] != asked[1]:
        raise Refused(f"was asked something else than {paths[0]}", paths[1])
    opening = []
    for item in first:
        if item.role == ASSISTANT:
            break
        opening.append(item)
    if not any(item.role == USER for item in opening):
        raise Refused("holds no question", paths[0])
    follow_ups = asked[0][len(opening) :]
    metadata = dict(prompt_fields.pop("metadata", {}))
    flags = tuple(prompt_fields.pop("flags", ()))
    if follow_ups:
        metadata[FOLLOW_UPS] = follow_ups
        flags = (*flags, "several_turns")
    prompt = PromptRow(messages=tuple(opening), metadata=metadata, flags=flags, **prompt_fields)
    left, right = (
        _answer(side, name, path)
        for side, name, path in zip((first, second), names, paths, strict=True)
    )
    return prompt, left, right


def _answer(side: Sequence[Message], name: str, path: str) -> Answer:
    said = [item.content for item in side if item.role == ASSISTANT]
    if not said:
        raise Refused("holds no answer", path)
    return turn_answer(said, name)


def turn_answer(said: Sequence[str], generator: str, **fields: Any) -> Answer:
    """The first answer is the text; answers of later rounds stand beside it."""
    metadata = dict(fields.pop("metadata", {}))
    if len(said) > 1:
        metadata[FOLLOW_UP_ANSWERS] = list(said[1:])
    flags = () if said[0].strip() else ("empty_answer",)
    return Answer(text=said[0], generator=generator, metadata=metadata, flags=flags, **fields)


def question_prompt(turns: Sequence[str], system: str = "", **fields: Any) -> PromptRow:
    """A question of several turns, asked one after the other."""
    metadata = dict(fields.pop("metadata", {}))
    flags: tuple[str, ...] = ()
    if len(turns) > 1:
        metadata[FOLLOW_UPS] = list(turns[1:])
        flags = ("several_turns",)
    first = (Message(USER, turns[0]),)
    messages = ((Message(SYSTEM, system), *first)) if system else first
    return PromptRow(messages=messages, metadata=metadata, flags=flags, **fields)
