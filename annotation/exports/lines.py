"""The rows of an export as a stream of JSON Lines, with what is counted on the way."""

from array import array
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from django.db import connection

from annotation.exports.picking import Pick
from annotation.exports.statements import FACTS, count_query, left_out_query, lines_query

BLOCK = 1 << 20  # bytes that are handed on at once
# JSON text has no control character, so nothing is ever quoted: the CSV's field is the line itself.
_COPY = "COPY ({}) TO STDOUT (FORMAT csv, DELIMITER E'\\x02', QUOTE E'\\x01')"
MOST_FACTS = 100_000  # different combinations; beyond them a row counts by split and kind alone


@dataclass
class LeftOut:
    """Rows that passed the filter and are not in the file, and of how many prompts."""

    reason: str
    rows: int = 0
    prompts: int = 0
    last: bytes = field(default=b"", repr=False, compare=False)  # the prompt of the last one


@dataclass
class Tally:
    """What went by: filled while lines() is read, complete when it is exhausted.

    rows: lines. facts: lines by their facts (see FACTS), as bytes parted by 0x1F. ids: the
    judgements (or prompts) in the file by kind, each once per run of its lines. missing: what
    passed the filter and is not in the file, by reason.
    """

    rows: int = 0
    missing: "dict[str, LeftOut]" = field(default_factory=dict)
    facts: Counter[bytes] = field(default_factory=Counter)
    ids: "dict[str, array[int]]" = field(default_factory=dict)

    def leave_out(self, reason: str, prompt: bytes) -> None:
        """One more row; the rows of a prompt come one after another."""
        found = self.missing.setdefault(reason, LeftOut(reason))
        found.rows += 1
        if found.last != prompt:
            found.last = prompt
            found.prompts += 1

    def by(self, *names: str) -> Counter[tuple[str, ...]]:
        """Lines by some of the facts; what was too manifold is under the empty text."""
        places = [FACTS.index(name) for name in names]
        found: Counter[tuple[str, ...]] = Counter()
        for key, rows in self.facts.items():
            parts = key.decode().split("\x1f")
            found[tuple(parts[place] if place < len(parts) else "" for place in places)] += rows
        return found

    def splits(self) -> dict[str, int]:
        return {split: rows for (split,), rows in sorted(self.by("split").items())}


def lines(
    pick: Pick,
    tally: Tally,
    *,
    only: str = "",
    block: int = BLOCK,
    refuse: Callable[[bytes], str] | None = None,
) -> Iterator[bytes]:
    """Blocks of whole lines, after pick.lay_out() and in its transaction.

    only: a split; nothing of the other one is made. Blocks are cut by the number of bytes alone,
    so that they are the same for the same lines. refuse: is given a line and says why it shall not
    be in the file; "" where it may.
    """
    query, values = lines_query(pick, only)
    facts, rows, size = tally.facts, 0, 0
    waiting: list[bytes] = []
    last = b""
    with connection.cursor() as cursor:
        _walk_in_order(cursor)
        with cursor.copy(_COPY.format(query), values) as copy:
            for row in copy:
                line, ballot, fact, reason, prompt = bytes(row).split(b"\x02")
                why = reason.decode()
                if not why and refuse is not None:
                    why = refuse(line)
                if why:
                    tally.leave_out(why, prompt)
                    continue
                rows += 1
                waiting.append(line)
                size += len(line) + 1
                if ballot != last:
                    last = ballot
                    kind, _, number = ballot.partition(b" ")
                    tally.ids.setdefault(kind.decode(), array("q")).append(int(number))
                if fact not in facts and len(facts) >= MOST_FACTS:
                    fact = b"\x1f".join(fact.split(b"\x1f")[:2])
                facts[fact] += 1
                if size >= block:
                    tally.rows = rows
                    yield b"\n".join(waiting) + b"\n"
                    waiting, size = [], 0
    tally.rows = rows
    if waiting:
        yield b"\n".join(waiting) + b"\n"


def left_out(pick: Pick) -> list[LeftOut]:
    """Why something is not in the file, after pick.lay_out()."""
    return [LeftOut(*row) for row in _fetch(left_out_query(pick))]


@dataclass(frozen=True)
class SplitCount:
    split: str
    rows: int
    prompts: int
    ties: int


def counts(pick: Pick) -> list[SplitCount]:
    """What would go out, by split, after pick.lay_out(): for whoever is still choosing."""
    return [SplitCount(*row) for row in _fetch(count_query(pick))]


def first_lines(pick: Pick, most: int) -> list[bytes]:
    """The first lines of the file, without the rest being made."""
    query, values = lines_query(pick)
    with connection.cursor() as cursor:
        _walk_in_order(cursor)
        cursor.execute(
            f"SELECT line FROM ({query}) made WHERE reason IS NULL LIMIT %(most)s",
            values | {"most": most},
        )
        return [line.encode() for (line,) in cursor.fetchall()]


def _fetch(asked: tuple[str, dict[str, Any]]) -> list[Any]:
    with connection.cursor() as cursor:
        _walk_in_order(cursor)
        cursor.execute(*asked)
        return list(cursor.fetchall())


def _walk_in_order(cursor: Any) -> None:
    """Prompt by prompt along the index, as the statements want it: a hash join would have to sort
    a gigabyte of texts afterwards."""
    cursor.execute("SET LOCAL enable_hashjoin = off")
    cursor.execute("SET LOCAL enable_mergejoin = off")
    cursor.execute("SET LOCAL jit = off")
