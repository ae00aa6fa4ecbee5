"""Score the rows that a snapshot is to hold, and say which of them a reward model drops.

The rows' texts are scored before the file is written, outside of any transaction, because weights
need their time. Each text is known by a key of 64 bits, and its score is kept: a worker that is
lost costs what it had not kept, and another threshold costs no second scoring.
"""

import hashlib
import json
import tempfile
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
import numpy
from django.conf import settings
from django.utils.translation import gettext as _

from annotation.exports.lines import Tally, lines
from annotation.exports.picking import Guard, Pick
from training.models import ModelVersion, TextScore
from training.scoring.reward_process import score_rows
from training.scoring.screen import Screen
from webapp.jobs import Work

AT_ONCE = 50_000  # texts that one process of the reward model is given
LOOKED_UP = 5_000  # keys in one question

# Reasons for which a row is left out; training.dataset_card says them in words.
DROPPED, UNREADABLE, CAME_LATER = "reward_model", "no_reward", "came_later"


def key_of(prompt: Any, answer: str) -> int:
    """64 bits of a hash of a prompt (text or turns) and an answer, as PostgreSQL's bigint."""
    text = json.dumps([prompt, answer], sort_keys=True).encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), signed=True)


@dataclass
class Screened:
    """Which rows pass: `refuse(line)` says why one does not. least: the value below which rows are
    dropped, given or found. known: the (N,) keys of the scored texts, ascending; values: their
    scores, nan where one was not finite."""

    least: float
    known: Any
    values: Any
    looked_at: int = 0
    dropped: int = 0
    unreadable: int = 0

    def refuse(self, line: bytes) -> str:
        keys = keys_of_row(msgspec.json.decode(line))
        if not keys:
            return ""  # a tie
        found = [self._score(key) for key in keys]
        if None in found:
            return CAME_LATER
        self.looked_at += 1
        value = found[0] if len(found) == 1 else found[0] - found[1]
        if numpy.isnan(value):
            self.unreadable += 1
            return UNREADABLE
        if value < self.least:
            self.dropped += 1
            return DROPPED
        return ""

    def _score(self, key: int) -> Any:
        place = int(numpy.searchsorted(self.known, key))
        if place == len(self.known) or self.known[place] != key:
            return None
        return self.values[place]

    def as_json(self) -> dict[str, Any]:
        """For DatasetSnapshot.counts."""
        return {
            "least": self.least,
            "looked_at": self.looked_at,
            "dropped": self.dropped,
            "unreadable": self.unreadable,
        }


def keys_of_row(row: dict[str, Any]) -> tuple[int, ...]:
    """Of its answers: chosen and rejected, or the completion; none of a tie."""
    if row.get("tie"):
        return ()
    return tuple(key_of(row["prompt"], answer) for answer in _answers(row))


def screen_rows(work: Work, pick: Pick, screen: Screen, guard: Guard) -> Screened:
    """Score what `pick` would write and has no score yet.

    Raises:
        JobFailed: the reward model cannot be read or cannot score; what was scored stays.
    """
    settings.VAR_DIR.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="screen-", dir=settings.VAR_DIR) as name:
        texts = Path(name) / "texts.jsonl"
        keys, rows = _write_texts(work, pick, guard, texts)
        _score_missing(work, screen.reward, texts, len(keys))
    known, values = _scores(screen.reward, keys)
    least = screen.least
    if least is None:
        assert screen.lowest is not None
        found = _values_of(rows, known, values)
        least = float(numpy.quantile(found, screen.lowest)) if len(found) else 0.0
    return Screened(least, known, values)


def _write_texts(
    work: Work, pick: Pick, guard: Guard, path: Path
) -> tuple["array[int]", "array[int]"]:
    """The different texts as lines of id (their key), prompt and completion at `path`.

    Returns their keys, and for each row its two keys, of which the second is the first where there
    is one answer.
    """
    keys, rows, tally = array("q"), array("q"), Tally()
    last, of_prompt = "", set[int]()
    with work.fenced(), path.open("w") as file:
        pick.lay_out(guard)
        for block in lines(pick, tally):
            for line in block.splitlines():
                row = msgspec.json.decode(line)
                found = keys_of_row(row)
                if not found:
                    continue
                rows.extend((found[0], found[-1]))
                prompt = json.dumps(row["prompt"])
                if prompt != last:  # rows of a prompt come one after another
                    last, of_prompt = prompt, set[int]()
                for key, answer in zip(found, _answers(row), strict=True):
                    if key not in of_prompt:
                        of_prompt.add(key)
                        keys.append(key)
                        told = {"id": key, "prompt": row["prompt"], "completion": answer}
                        file.write(json.dumps(told) + "\n")
            work.progress(tally.rows, None, _("Reading the rows to be scored"))
        pick.clear()
    return keys, rows


def _answers(row: dict[str, Any]) -> list[str]:
    answers = [row[name] for name in ("chosen", "rejected", "completion") if name in row]
    return [each if isinstance(each, str) else str(each[-1]["content"]) for each in answers]


def _score_missing(work: Work, reward: ModelVersion, texts: Path, total: int) -> None:
    def keep(values: list[tuple[int, float | None]]) -> None:
        with work.fenced():
            TextScore.objects.bulk_create(
                (TextScore(reward=reward, key=key, value=value) for key, value in values),
                ignore_conflicts=True,
            )

    done = 0
    for some in _parts(texts):
        there = set(
            TextScore.objects.filter(reward=reward, key__in=[one["id"] for one in some])
            .values_list("key", flat=True)
            .iterator()
        )
        missing = [one for one in some if one["id"] not in there]
        if missing:
            score_rows(work, reward, missing, keep, before=done + len(there), total=total)
        done += len(some)


def _parts(texts: Path) -> Iterator[list[dict[str, Any]]]:
    with texts.open() as file:
        while some := [json.loads(line) for line in islice(file, AT_ONCE)]:
            yield some


def _scores(reward: ModelVersion, keys: "array[int]") -> tuple[Any, Any]:
    """(N,) different keys, ascending, and their scores (N,), nan where one is not finite."""
    known = numpy.unique(numpy.frombuffer(keys, dtype=numpy.int64)) if keys else numpy.zeros(0)
    values = numpy.full(len(known), numpy.nan)
    for start in range(0, len(known), LOOKED_UP):
        some = [int(key) for key in known[start : start + LOOKED_UP]]
        found = TextScore.objects.filter(reward=reward, key__in=some, value__isnull=False)
        for key, value in found.values_list("key", "value"):
            values[int(numpy.searchsorted(known, key))] = value
    return known, values


def _values_of(rows: "array[int]", known: Any, values: Any) -> Any:
    """(rows,) what each row is worth, without those that have no value."""
    if not rows:
        return numpy.zeros(0)
    places = numpy.searchsorted(known, numpy.frombuffer(rows, dtype=numpy.int64).reshape(-1, 2))
    scores = values[places]
    alone = places[:, 0] == places[:, 1]
    found = numpy.where(alone, scores[:, 0], scores[:, 0] - scores[:, 1])
    return found[numpy.isfinite(found)]
