"""`chosen` and `rejected` in any shape: texts, one message, or whole conversations."""

from typing import Any

from annotation.imports.formats.conversations import keys_of, messages
from annotation.imports.formats.fields import kind_of, list_in_text
from annotation.imports.formats.reading_options import Reading
from annotation.imports.formats.refusals import Refused
from annotation.imports.formats.rows import (
    ASSISTANT,
    LEFT,
    TIE,
    USER,
    Answer,
    ComparisonRow,
    Message,
    PromptRow,
)
from annotation.imports.formats.verdicts import refuse_same_answers

Turns = tuple[Message, ...]


def turns_or_text(value: Any, reading: Reading, path: str) -> Turns | str:
    """A text as it is; a message or a list of messages with our roles."""
    if type(value) is str:
        if value.lstrip()[:2] in ("[{", "[ "):
            value = list_in_text(value, path)
        else:
            return value
    if type(value) is dict:
        value = [value]
    if type(value) is not list or not value:
        raise Refused(f"is {kind_of(value)} where a text or messages belong", path)
    role_key, text_key = keys_of(value)
    return tuple(messages(value, reading, path, role_key=role_key, text_key=text_key))


def answer_after(prompt: Turns, value: Turns | str, path: str) -> tuple[Turns, str]:
    """The whole prompt and the answer's text, when `value` may repeat the prompt's turns."""
    if isinstance(value, str):
        return prompt, value
    if len(value) > 1 and prompt and value[: len(prompt)] == prompt:
        value = value[len(prompt) :]
    if value[-1].role != ASSISTANT:
        raise Refused("does not end with the assistant's turn", path)
    return (*prompt, *value[:-1]), value[-1].content


def prompt_turns(value: Any, reading: Reading, path: str) -> Turns:
    """A prompt given as text or as messages; it must not end with an answer."""
    found = turns_or_text(value, reading, path)
    if isinstance(found, str):
        if not found.strip():
            raise Refused("is empty", path)
        return (Message(USER, found),)
    if found[-1].role == ASSISTANT:
        raise Refused("ends with an assistant's turn, so that nothing is left to be answered", path)
    return found


def common_start(chosen: str, rejected: str) -> int:
    """Where two texts that share a prompt part: after the last white space of their common start.

    The common characters alone would cut a word in two when both answers start alike.
    """
    limit = min(len(chosen), len(rejected))
    same = 0
    while same < limit and chosen[same] == rejected[same]:
        same += 1
    while same and not chosen[same - 1].isspace():
        same -= 1
    return same


def chosen_and_rejected(
    record: dict[str, Any],
    reading: Reading,
    prompt: Turns,
    *,
    chosen_key: str = "chosen",
    rejected_key: str = "rejected",
) -> tuple[Turns, str, str]:
    """The prompt's turns and both answers.

    Raises Refused when the two conversations differ before their last answer: they then answer
    different prompts, and a pair of them would teach the difference of the prompts.
    """
    sides = []
    for key in (chosen_key, rejected_key):
        if key not in record:
            raise Refused("is missing", key)
        sides.append(turns_or_text(record[key], reading, key))
    chosen, rejected = sides
    if isinstance(chosen, str) and isinstance(rejected, str) and not prompt:
        cut = common_start(chosen, rejected)
        if not chosen[:cut].strip():
            raise Refused("has no prompt, and chosen and rejected do not start alike")
        reading.fixed("prompt taken from the common start of chosen and rejected")
        return (Message(USER, chosen[:cut].rstrip()),), chosen[cut:], rejected[cut:]
    first, chosen_text = answer_after(prompt, chosen, chosen_key)
    second, rejected_text = answer_after(prompt, rejected, rejected_key)
    if first != second:
        raise Refused("differs from chosen before the last answer", rejected_key)
    if not first:
        raise Refused("has no prompt before the answers")
    return first, chosen_text, rejected_text


def preference(
    prompt: PromptRow,
    chosen: Answer,
    rejected: Answer,
    *,
    tie: bool = False,
    path: str = "chosen",
    **fields: Any,
) -> ComparisonRow:
    """A choice of left, whose order on the screen nobody recorded."""
    choice = TIE if tie else LEFT
    refuse_same_answers(chosen, rejected, choice, path)
    return ComparisonRow(prompt=prompt, left=chosen, right=rejected, choice=choice, **fields)


def judged_answer(text: str, generator: str = "", **fields: Any) -> Answer:
    """An answer that was judged; an empty one is kept as such, for it was judged as such."""
    flags = () if text.strip() else ("empty_answer",)
    return Answer(text=text, generator=generator, flags=flags, **fields)
