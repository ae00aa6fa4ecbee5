"""The lines of a file, with their numbers and offsets, each of bounded length."""

from collections.abc import Iterator
from typing import NamedTuple

from annotation.imports.formats.limits import Limits


class Line(NamedTuple):
    """raw: the line with its terminator, or its start when it is too long.

    number: 1-based. offset: bytes of the file before it.
    """

    raw: bytes
    number: int
    offset: int
    too_long: bool = False


def lines(pieces: Iterator[bytes], limits: Limits) -> Iterator[Line]:
    """Lines end at LF only: a U+2028 or a lone CR inside a text is part of the text."""
    rest: list[bytes] = []
    held = 0
    number, offset = 1, 0
    skipping = 0  # bytes of an overlong line already passed over
    for piece in pieces:
        start = 0
        while (end := piece.find(b"\n", start)) >= 0:
            raw = piece[start : end + 1]
            if rest:
                rest.append(raw)
                raw = b"".join(rest)
                rest, held = [], 0
            length = skipping + len(raw)
            too_long = length > limits.record_bytes
            if too_long:
                raw = raw[: limits.kept_of_a_refused_record]
            yield Line(raw, number, offset, too_long)
            number, offset, skipping = number + 1, offset + length, 0
            start = end + 1
        if start < len(piece):
            rest.append(piece[start:])
            held += len(piece) - start
            if held > limits.record_bytes:
                # Only the first part is kept: it is what the rejects file shows.
                start_of_line = b"".join(rest)
                kept = start_of_line[: limits.kept_of_a_refused_record]
                skipping += len(start_of_line) - len(kept)
                rest, held = [kept], len(kept)
    if rest:
        raw = b"".join(rest)
        yield Line(raw, number, offset, skipping + len(raw) > limits.record_bytes)
