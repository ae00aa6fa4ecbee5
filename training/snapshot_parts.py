"""Nested parts of a snapshot: the smaller one lies within the larger one, by construction.

The training rows are ordered by a keyed hash of their prompt, and the part of so many rows is the
longest beginning of that order which has no more. A prompt's rows stay together, and validation
rows are no part of it: every part is measured by the same.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.utils.translation import gettext as _

from training.models import DatasetSnapshot
from training.snapshot_files import blocks, replaced

LARGEST_DRAW = 2**32 - 1


@dataclass(frozen=True)
class Part:
    """At most `rows` training rows; `draw` seeds the order that they are taken in."""

    rows: int
    draw: int = 0


def seed_of(config: dict[str, Any]) -> int:
    """The draw of a part that a run's own seed gives; 0 where that is no seed."""
    seed = config.get("seed", 0)
    return seed if isinstance(seed, int) and 0 <= seed <= LARGEST_DRAW else 0


def place_of(line: bytes, draw: int) -> bytes:
    """(16 bytes) Where the prompt of a row stands in the order of this draw."""
    row: dict[str, Any] = json.loads(line)
    prompt = json.dumps(row.get("prompt"), sort_keys=True)
    return hashlib.blake2b(
        prompt.encode(), digest_size=16, key=b"part of a snapshot", salt=draw.to_bytes(8, "big")
    ).digest()


def beginning(sizes: Counter[bytes], rows: int) -> set[bytes]:
    """`sizes`: rows at each place -> the places of the part.

    Raises:
        ValueError: not even the first prompt's rows fit.
    """
    chosen: set[bytes] = set()
    left = rows
    for place in sorted(sizes):
        if sizes[place] > left:
            break
        chosen.add(place)
        left -= sizes[place]
    if not chosen:
        raise ValueError(
            _("%(rows)d rows are too few: the first prompt alone has %(first)d.")
            % {"rows": rows, "first": sizes[min(sizes)] if sizes else 0}
        )
    return chosen


def write_part(snapshot: DatasetSnapshot, part: Part, path: Path) -> int:
    """The training rows of a part as a plain .jsonl at `path`; returns how many.

    Raises:
        SnapshotDamaged: the stored file is not what was frozen; then nothing is at `path`.
        ValueError: the part would be empty.
    """
    sizes = Counter(place_of(line, part.draw) for line in _lines(blocks(snapshot, "train")))
    chosen = beginning(sizes, part.rows)
    written = 0
    with replaced(path) as file:
        for line in _lines(blocks(snapshot, "train")):
            if place_of(line, part.draw) in chosen:
                file.write(line)
                written += 1
    return written


def _lines(found: Iterable[bytes]) -> Iterator[bytes]:
    """Lines with their ends, of blocks of whole lines."""
    for block in found:
        yield from block.splitlines(keepends=True)
