"""OpenAssistant: message trees with ranked replies, nested (`trees`) or one message a line."""

from collections.abc import Iterator
from typing import Any

from annotation.imports.formats.conversations import role_of
from annotation.imports.formats.fields import (
    items,
    keep,
    kind_of,
    label,
    nested,
    objects,
    optional_text,
    text,
    yes_or_no,
)
from annotation.imports.formats.format import Format, has
from annotation.imports.formats.reading_options import Reading
from annotation.imports.formats.refusals import Refused
from annotation.imports.formats.rows import (
    USER,
    Answer,
    CompletionRow,
    DemonstrationRow,
    Message,
    PromptRow,
    RankingRow,
    Row,
)

READY = "ready_for_export"
_LEFT_OUT = "deleted or unreviewed messages left out"
_KEPT = ("review_count", "labels", "emojis", "created_date", "detoxify")


def _recognise_trees(record: Any) -> str:
    return "trees" if has(record, "message_tree_id", "prompt") else ""


def _recognise_messages(record: Any) -> str:
    return "messages" if has(record, "message_id", "text", "role") else ""


def _read_tree(record: dict[str, Any], reading: Reading) -> list[Row]:
    """Rows of a whole tree: prompts, completions, demonstrations of the best replies, rankings.

    A tree that is not ready for export is refused; a deleted message or one that its reviewers
    turned down is left out with everything below it.
    """
    state = record.get("tree_state", READY)
    if state != READY:
        raise Refused(f"is {str(state)[:40]!r}; only {READY!r} trees are finished", "tree_state")
    tree = label(record, "message_tree_id")
    rows: list[Row] = []
    # A list of what is still to be read, not recursion: a tree may be as deep as its file allows.
    todo: list[tuple[dict[str, Any], str, tuple[Message, ...]]] = [
        (nested(record, "prompt"), "prompt", ())
    ]
    while todo:
        node, path, before = todo.pop()
        message = _message(node, reading, path)
        if before and message.role == before[-1].role:
            raise Refused(f"a {message.role} answers a {message.role}", f"{path}.role")
        if not before and message.role != USER:
            raise Refused("a tree starts with a prompter's message", f"{path}.role")
        if not _accepted(node):
            reading.fixed(_LEFT_OUT)
            continue
        replies = objects(node, "replies", empty=True) if node.get("replies") is not None else []
        thread = (*before, message)
        if message.role == USER:
            rows += _rows_of_prompt(node, thread, replies, tree, reading, path)
        todo += [
            (replies[position], f"{path}.replies[{position}]", thread)
            for position in range(len(replies) - 1, -1, -1)
        ]
    if not rows:
        raise Refused("holds no message that was accepted", "prompt")
    return rows


def _message(node: dict[str, Any], reading: Reading, path: str) -> Message:
    try:
        return Message(role_of(node.get("role"), reading, "role"), text(node, "text"))
    except Refused as error:
        raise error.under(path) from None


def _accepted(node: dict[str, Any]) -> bool:
    return yes_or_no(node, "deleted") is not True and yes_or_no(node, "review_result") is not False


def _rows_of_prompt(
    node: dict[str, Any],
    thread: tuple[Message, ...],
    replies: list[dict[str, Any]],
    tree: str,
    reading: Reading,
    path: str,
) -> list[Row]:
    prompt = PromptRow(
        messages=thread,
        source_id=label(node, "message_id"),
        language=optional_text(node, "lang"),
        metadata={"message_tree_id": tree, **keep(node, (*_KEPT, "synthetic"))},
    )
    kept = []
    for position, reply in enumerate(replies):
        if _accepted(reply):
            where = f"{path}.replies[{position}]"
            message = _message(reply, reading, where)
            kept.append((_answer(reply, message.content), _rank(reply, where)))
        else:
            reading.fixed(_LEFT_OUT)
    if not kept:
        return [prompt]
    rows: list[Row] = [CompletionRow(prompt=prompt, answer=answer) for answer, _ in kept]
    rows += _judgements(prompt, kept)
    return rows


def _judgements(prompt: PromptRow, kept: list[tuple[Answer, int | None]]) -> list[Row]:
    """The ranking of the siblings, rank 0 best, and the best of them as a demonstration."""
    ranks = sorted({rank for _, rank in kept if rank is not None})
    answers = tuple(answer for answer, _ in kept)
    tiers = tuple(
        tuple(at for at, (_, given) in enumerate(kept) if given == rank) for rank in ranks
    )
    rows: list[Row] = []
    if sum(len(tier) for tier in tiers) >= 2:
        rows.append(
            RankingRow(
                prompt=prompt,
                answers=answers,
                tiers=tiers,
                group=prompt.source_id,
                source_id=prompt.source_id,
            )
        )
    best = answers[tiers[0][0]] if tiers else answers[0] if len(answers) == 1 else None
    if best is not None and best.text is not None and not best.metadata.get("synthetic"):
        rows.append(
            DemonstrationRow(
                prompt=prompt,
                text=best.text,
                author=best.generator,
                source_id=best.source_id,
                metadata=best.metadata,
            )
        )
    return rows


def _answer(node: dict[str, Any], said: str) -> Answer:
    return Answer(
        text=said,
        generator=optional_text(node, "model_name") or label(node, "user_id") or "volunteer",
        source_id=label(node, "message_id"),
        flags=("synthetic",) if yes_or_no(node, "synthetic") else (),
        metadata=keep(node, (*_KEPT, "synthetic", "rank")),
    )


def _rank(node: dict[str, Any], path: str) -> int | None:
    rank = node.get("rank")
    if rank is None:
        return None
    if type(rank) is not int or rank < 0:
        raise Refused(f"is {kind_of(rank)} where a rank from 0 belongs", f"{path}.rank")
    return rank


def _tree_of(record: Any) -> str:
    return label(record, "message_tree_id") if type(record) is dict else ""


def _read_messages(records: list[Any], reading: Reading) -> list[list[Row] | Exception]:
    """Neighbouring lines of one tree, put together by `parent_id`, then read as a tree.

    The rows stand with the tree's first message; the other messages are part of them. A message
    whose parent is not among its neighbours, and one of a ring of parents, is refused.
    """
    found: list[list[Row] | Exception] = [[] for _ in records]
    nodes: dict[str, tuple[int, dict[str, Any]]] = {}
    for at, record in enumerate(records):
        try:
            name = text(record, "message_id")
            if name in nodes:
                raise Refused(f"{name[:60]!r} stands twice in this tree", "message_id")
            nodes[name] = (at, {**record, "replies": []})
        except Refused as error:
            found[at] = error
    roots = _link(nodes, found)
    for root in roots:
        members = {at for at, _ in _below(nodes[root][1], nodes)}
        first = nodes[root][0]
        node = nodes[root][1]
        tree = {
            "message_tree_id": node.get("message_tree_id"),
            "tree_state": node.get("tree_state") or READY,
            "prompt": node,
        }
        try:
            found[first] = _read_tree(tree, reading)
        except Refused as error:
            for at in members:
                found[at] = error
        for at in members:
            nodes.pop(text(records[at], "message_id"), None)
    for at, _ in nodes.values():
        found[at] = Refused("belongs to a ring of messages that answer each other", "parent_id")
    return found


def _link(
    nodes: dict[str, tuple[int, dict[str, Any]]], found: list[list[Row] | Exception]
) -> list[str]:
    """Hang each message under its parent; the names of the messages without one."""
    roots = []
    lost = []
    for name, (at, node) in nodes.items():
        parent = node.get("parent_id")
        if parent is None:
            roots.append(name)
        elif type(parent) is not str or parent not in nodes:
            found[at] = Refused(
                f"{str(parent)[:60]!r} is not among the neighbouring messages of its tree",
                "parent_id",
            )
            lost.append(name)
        else:
            nodes[parent][1]["replies"].append(node)
    for name in lost:
        for at, node in list(_below(nodes[name][1], nodes)):
            if node is not nodes[name][1]:
                found[at] = Refused("answers a message that was refused", "parent_id")
                nodes.pop(node["message_id"], None)
        del nodes[name]
    return roots


def _below(
    node: dict[str, Any], nodes: dict[str, tuple[int, dict[str, Any]]]
) -> Iterator[tuple[int, dict[str, Any]]]:
    todo = [node]
    while todo:
        current = todo.pop()
        yield nodes[current["message_id"]][0], current
        todo += items(current, "replies", empty=True)


def _read_single(record: dict[str, Any], reading: Reading) -> list[Row]:
    found = _read_messages([record], reading)[0]
    if isinstance(found, Exception):
        raise found
    return found


OASST_TREES = Format(
    "oasst_trees", "OpenAssistant trees", _recognise_trees, _read_tree, dataset="oasst"
)
OASST_MESSAGES = Format(
    "oasst_messages",
    "OpenAssistant messages",
    _recognise_messages,
    _read_single,
    dataset="oasst",
    group_key=_tree_of,
    read_group=_read_messages,
)
