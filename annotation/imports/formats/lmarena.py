"""LMArena: the raw log, and cleaned battles of every release (33k, 55k, 100k, 140k, MT-Bench)."""

from typing import Any

from annotation.imports.formats.battles import sides
from annotation.imports.formats.conversations import messages, role_of
from annotation.imports.formats.fields import (
    items,
    keep,
    kind_of,
    label,
    list_in_text,
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
    BOTH_BAD,
    HUMAN,
    JUDGE,
    LEFT,
    RIGHT,
    TIE,
    USER,
    Answer,
    ComparisonRow,
    Message,
    PromptRow,
    RatingRow,
    Row,
)
from annotation.imports.formats.verdicts import choice_of, refuse_same_answers

VOTES = {"leftvote": LEFT, "rightvote": RIGHT, "tievote": TIE, "bothbad_vote": BOTH_BAD}
THUMBS = {"upvote": 1.0, "downvote": 0.0}
SILENT = ("share", "chat", "flag", "clear_history", "regenerate")
_KEPT_OF_PROMPT = (
    "openai_moderation",
    "toxic_chat_tag",
    "conv_metadata",
    "is_code",
    "category_tag",
)
_KEPT_OF_VOTE = (
    "turn",
    "anony",
    "tstamp",
    "timestamp",
    "evaluation_order",
    "evaluation_session_id",
    "is_refusal",
    "dedup_tag",
    "judge_hash",
)


def _recognise_raw(record: Any) -> str:
    return "log" if has(record, "type", "states") and has_list(record, "states") else ""


def _read_raw(record: dict[str, Any], reading: Reading) -> list[Row]:
    """One line of the log: a vote, a thumb, or something that judges nothing (refused by name)."""
    kind = text(record, "type")
    if record.get("ip"):
        reading.fixed("IP address left behind")
    if kind in SILENT:
        raise Refused(f"{kind!r} is no judgement", "type")
    states = objects(record, "states")
    metadata = keep(record, ("tstamp",))
    if kind in THUMBS:
        found, answer = _state(states[0], "states[0]", reading)
        return [_thumb(found, answer, THUMBS[kind], metadata)]
    if kind not in VOTES:
        allowed = ", ".join(repr(name) for name in (*VOTES, *THUMBS))
        raise Refused(f"{kind[:40]!r} is no known kind of vote ({allowed})", "type")
    if len(states) != 2:
        raise Refused(f"holds {len(states)} conversations where a vote compares 2", "states")
    turns = [_state(state, f"states[{at}]", reading) for at, state in enumerate(states)]
    prompt, left, right = sides(
        turns[0][0],
        turns[1][0],
        (turns[0][1].generator, turns[1][1].generator),
        ("states[0].messages", "states[1].messages"),
    )
    refuse_same_answers(left, right, VOTES[kind], "states")
    source_id = "/".join(answer.source_id for _, answer in turns if answer.source_id)
    return [
        ComparisonRow(
            prompt=prompt,
            left=left,
            right=right,
            choice=VOTES[kind],
            order_known=True,
            source_id=source_id,
            metadata=metadata,
        )
    ]


def _state(state: dict[str, Any], path: str, reading: Reading) -> tuple[list[Message], Answer]:
    """The turns shown on one side and who answered; the names beside the vote may be blank."""
    found = []
    for position, turn in enumerate(items(state, "messages")):
        where = f"{path}.messages[{position}]"
        if type(turn) is not list or len(turn) != 2 or type(turn[0]) is not str:
            raise Refused("is no pair of role and text", where)
        if turn[1] is None:
            continue  # an answer that was never finished
        if type(turn[1]) is not str:
            raise Refused(f"is {kind_of(turn[1])} where a text belongs", where)
        found.append(Message(role_of(turn[0].strip(": "), reading, where), turn[1]))
    if not any(item.role == ASSISTANT for item in found):
        raise Refused("holds no answer", f"{path}.messages")
    name = optional_text(state, "model_name")
    return found, Answer(text="", generator=name, source_id=label(state, "conv_id"))


def _thumb(
    found: list[Message], answer: Answer, score: float, metadata: dict[str, Any]
) -> RatingRow:
    while found[-1].role != ASSISTANT:
        found.pop()
    if not any(item.role == USER for item in found):
        raise Refused("holds no question", "states[0].messages")
    return RatingRow(
        prompt=PromptRow(messages=tuple(found[:-1])),
        answer=Answer(text=found[-1].content, generator=answer.generator),
        aspect="label",
        score=score,
        lowest=0.0,
        highest=1.0,
        source_id=answer.source_id,
        metadata=metadata,
    )


def _recognise_battles(record: Any) -> str:
    if has(record, "winner_model_a", "winner_model_b", "response_a", "response_b"):
        return "55k"
    if not has(record, "model_a", "model_b", "winner", "conversation_a", "conversation_b"):
        return ""
    if "evaluation_session_id" in record or "evaluation_order" in record:
        return "140k"
    if "conv_metadata" in record or "judge_hash" in record:
        return "100k"
    if "openai_moderation" in record or "toxic_chat_tag" in record:
        return "33k"
    return "clean" if "tstamp" in record or "anony" in record else "mt_bench"


def _read_battles(record: dict[str, Any], reading: Reading) -> list[Row]:
    if "winner_model_a" in record:
        return _read_55k(record, reading)
    first, second = (
        messages(objects(record, key), reading, key) for key in ("conversation_a", "conversation_b")
    )
    prompt, left, right = sides(
        first,
        second,
        (text(record, "model_a"), text(record, "model_b")),
        ("conversation_a", "conversation_b"),
        source_id=label(record, "question_id"),
        language=optional_text(record, "language"),
        metadata=keep(record, _KEPT_OF_PROMPT),
    )
    choice = choice_of(record.get("winner"), reading, "winner")
    refuse_same_answers(left, right, choice, "conversation_a")
    annotator, judged_by = _judge(record)
    return [
        ComparisonRow(
            prompt=prompt,
            left=left,
            right=right,
            choice=choice,
            order_known=True,
            annotator=annotator,
            judged_by=judged_by,
            source_id=label(record, "id") or label(record, "question_id"),
            metadata=keep(record, _KEPT_OF_VOTE),
        )
    ]


def _judge(record: dict[str, Any]) -> tuple[str, str]:
    """Who judged: MT-Bench writes `["gpt-4", "pair-v2"]` for a judge and a name for a person."""
    given = record.get("judge")
    if type(given) is str and given.lstrip()[:1] == "[":
        given = list_in_text(given, "judge")
    if type(given) is list:
        if any(type(part) is not str for part in given):
            raise Refused("is no list of texts", "judge")
        return "/".join(given), JUDGE
    name = label(record, "judge") or label(record, "judge_hash")
    return name, JUDGE if name.lower().startswith(("gpt", "claude")) else HUMAN


def _read_55k(record: dict[str, Any], reading: Reading) -> list[Row]:
    """Kaggle's form: three flags for the verdict, and texts that are JSON lists."""
    flags = {
        LEFT: yes_or_no(record, "winner_model_a"),
        RIGHT: yes_or_no(record, "winner_model_b"),
        TIE: yes_or_no(record, "winner_tie"),
    }
    chosen = [choice for choice, flag in flags.items() if flag]
    if len(chosen) != 1:
        raise Refused(
            f"{len(chosen)} of winner_model_a, winner_model_b and winner_tie are set, not one",
            "winner_model_a",
        )
    asked = _texts(record, "prompt")
    answers = [_texts(record, key) for key in ("response_a", "response_b")]
    conversations = []
    for key, given in zip(("response_a", "response_b"), answers, strict=True):
        if len(given) != len(asked):
            raise Refused(f"holds {len(given)} answers to {len(asked)} questions", key)
        pairs = zip(asked, given, strict=True)
        conversations.append(
            [turn for q, a in pairs for turn in (Message(USER, q), Message(ASSISTANT, a))]
        )
    prompt, left, right = sides(
        conversations[0],
        conversations[1],
        (text(record, "model_a"), text(record, "model_b")),
        ("response_a", "response_b"),
        source_id=label(record, "id"),
    )
    refuse_same_answers(left, right, chosen[0], "response_a")
    return [
        ComparisonRow(
            prompt=prompt,
            left=left,
            right=right,
            choice=chosen[0],
            order_known=True,
            source_id=label(record, "id"),
        )
    ]


def _texts(record: dict[str, Any], key: str) -> list[str]:
    found = items(record, key)
    if any(item is not None and type(item) is not str for item in found):
        raise Refused("holds something that is no text", key)
    return ["" if item is None else item for item in found]


LMARENA_RAW = Format("lmarena_raw", "LMArena vote log", _recognise_raw, _read_raw)
LMARENA_BATTLES = Format(
    "lmarena_battles", "LMArena and MT-Bench battles", _recognise_battles, _read_battles
)
