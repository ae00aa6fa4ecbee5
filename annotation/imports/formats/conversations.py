"""Turns of any dialect as messages with our four roles."""

from collections.abc import Sequence
from typing import Any

from annotation.imports.formats.fields import kind_of
from annotation.imports.formats.reading_options import Reading
from annotation.imports.formats.refusals import Refused
from annotation.imports.formats.rows import ASSISTANT, ROLES, SYSTEM, TOOL, USER, Message, PromptRow

ROLE_WORDS = {
    "human": USER,
    "user": USER,
    "prompter": USER,
    "gpt": ASSISTANT,
    "assistant": ASSISTANT,
    "chatgpt": ASSISTANT,
    "bing": ASSISTANT,
    "bard": ASSISTANT,
    "model": ASSISTANT,
    "bot": ASSISTANT,
    "ai": ASSISTANT,
    "function_call": ASSISTANT,
    "system": SYSTEM,
    "developer": SYSTEM,
    "observation": TOOL,
    "tool": TOOL,
    "function": TOOL,
}
LEADING_DROPPED = "leading turns before the first human turn dropped"
TRAILING_DROPPED = "trailing turn without an answer dropped"


def role_of(word: Any, reading: Reading, path: str) -> str:
    """Our role for the file's word. The importing person's map goes first. Unknown: Refused."""
    if type(word) is not str:
        raise Refused(f"is {kind_of(word)} where a role belongs", path)
    own = reading.options.roles
    role = own.get(word) if own else None
    role = role or ROLE_WORDS.get(word) or ROLE_WORDS.get(word.strip().lower())
    if role not in ROLES:
        known = ", ".join(sorted(ROLE_WORDS))
        raise Refused(f"{word[:40]!r} is no known role ({known}); map it to one", path)
    return role


def message(turn: Any, reading: Reading, path: str, *, role_key: str, text_key: str) -> Message:
    """One turn. OpenAI's list of parts becomes its text; a null beside tool calls becomes ""."""
    if type(turn) is not dict:
        raise Refused(f"is {kind_of(turn)} where a turn belongs", path)
    if role_key not in turn:
        raise Refused(f"has no {role_key!r}", path)
    word = turn[role_key]
    role = role_of(word, reading, f"{path}.{role_key}")
    content = turn.get(text_key)
    calls = turn.get("tool_calls")
    if type(content) is not str:
        content = _content(turn, content, calls, reading, f"{path}.{text_key}")
    name = turn.get("name")
    if calls is None and name is None and word != "function_call" and role != TOOL:
        return Message(role, content)
    if calls is not None and type(calls) is not list:
        raise Refused(f"is {kind_of(calls)} where a list belongs", f"{path}.tool_calls")
    call_id = turn.get("tool_call_id")
    return Message(
        role,
        content,
        name="function_call" if word == "function_call" else name if type(name) is str else "",
        tool_calls=calls or None,
        tool_call_id=call_id if type(call_id) is str else "",
    )


def _content(turn: dict[str, Any], content: Any, calls: Any, reading: Reading, path: str) -> str:
    if content is None:
        if calls or turn.get("function_call"):
            return ""
        raise Refused("is missing or null, and the turn calls no tool", path)
    if type(content) is not list:
        raise Refused(f"is {kind_of(content)} where a text belongs", path)
    texts = []
    for position, part in enumerate(content):
        if type(part) is str:
            texts.append(part)
        elif type(part) is dict and type(part.get("text")) is str:
            texts.append(part["text"])
        else:
            raise Refused(
                "is a part that is no text; only texts are imported", f"{path}[{position}]"
            )
    reading.fixed("content parts joined")
    return "\n".join(texts)


def messages(
    turns: Sequence[Any],
    reading: Reading,
    path: str,
    *,
    role_key: str = "role",
    text_key: str = "content",
) -> list[Message]:
    """Every turn of a list; a system turn may stand only at the start."""
    found = [
        message(turn, reading, f"{path}[{position}]", role_key=role_key, text_key=text_key)
        for position, turn in enumerate(turns)
    ]
    for position, item in enumerate(found):
        if item.role == SYSTEM and position and found[position - 1].role != SYSTEM:
            raise Refused(
                "is a system turn in the middle of the conversation", f"{path}[{position}]"
            )
    return found


def keys_of(turns: Sequence[Any]) -> tuple[str, str]:
    """Which keys these turns use: (`from`, `value`) or (`role`, `content`), mixtures included."""
    first = turns[0] if turns and type(turns[0]) is dict else {}
    role_key = "role" if "role" in first and "from" not in first else "from"
    text_key = "content" if "content" in first and "value" not in first else "value"
    if text_key == "value" and "value" not in first and "text" in first:
        text_key = "text"
    return role_key, text_key


def refuse_without_question(found: Sequence[Message], path: str) -> None:
    """A prompt needs something to be answered."""
    if not any(item.role in (USER, TOOL) and item.content.strip() for item in found):
        raise Refused("holds no turn of a user", path)


def split_answer(found: list[Message], path: str) -> tuple[tuple[Message, ...], str]:
    """Messages up to the last assistant turn, and that turn's text.

    Raises Refused when the last turn is not the assistant's or nothing comes before it.
    """
    if not found or found[-1].role != ASSISTANT:
        raise Refused("does not end with the assistant's turn", path)
    refuse_without_question(found[:-1], path)
    return tuple(found[:-1]), found[-1].content


def user_prompt(text: str, system: str = "", **fields: Any) -> PromptRow:
    """A prompt of one user turn, after a system turn if there is one."""
    question = Message(USER, text)
    turns = (Message(SYSTEM, system), question) if system else (question,)
    return PromptRow(messages=turns, **fields)
