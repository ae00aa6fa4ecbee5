"""The items of a `.json` list, one at a time: memory holds one item, not the file."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from annotation.imports.formats.limits import Limits
from annotation.imports.formats.refusals import FileRefused

# A whole string is one token, so that brackets inside texts are never seen; a lone quote means
# that the string goes on behind the end of the buffer.
_TOKEN = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|[{}\[\]]|"', re.DOTALL)
_BETWEEN = re.compile(rb"[ \t\r\n,]*")
_SCALAR = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|[^,\]\s"{}\[]+', re.DOTALL)
_CLOSING = b"}]"


class Slice(NamedTuple):
    """raw: the bytes of one record. line: 1-based. offset: bytes of the file before it."""

    raw: bytes
    line: int
    offset: int


class ListScanner:
    """Cuts a JSON list into the slices of its items. What is inside an item is not judged here.

    Raises FileRefused when the list is not closed, when something follows it, or when one item is
    larger than `limits.record_bytes` (usually a quote that was never closed).
    """

    def __init__(self, pieces: Iterator[bytes], limits: Limits) -> None:
        self.pieces = pieces
        self.limits = limits
        self.buffer = b""
        self.offset = 0  # of the buffer's first byte in the file
        self.line = 1  # of the buffer's first byte
        self.ended = False

    def __iter__(self) -> Iterator[Slice]:
        position = self._open_bracket()
        expect_comma = False
        while True:
            position, byte, commas = self._skip_between(position)
            if byte == b"":
                raise self._refusal("The list is not closed: the file ends before its last ].")
            if byte == b"]":
                if commas:
                    raise self._refusal("A comma stands before the closing ] of the list.")
                break
            if commas != int(expect_comma):
                raise self._refusal("Two items of the list are not separated by exactly one comma.")
            end = self._item_end(position)
            if end > self.limits.record_bytes:
                raise self._refusal(self._too_large())
            yield Slice(self.buffer[:end], self.line, self.offset)
            self._drop(end)
            position, expect_comma = 0, True
        self._drop(position + 1)
        self._nothing_follows()

    def _open_bracket(self) -> int:
        while not self.buffer.lstrip(b" \t\r\n") and self._grow():
            pass
        self._drop(len(self.buffer) - len(self.buffer.lstrip(b" \t\r\n")))
        self._drop(1)
        return 0

    def _grow(self) -> bool:
        piece = next(self.pieces, b"")
        if not piece:
            self.ended = True
            return False
        self.buffer += piece
        return True

    def _drop(self, count: int) -> None:
        self.line += self.buffer.count(b"\n", 0, count)
        self.offset += count
        self.buffer = self.buffer[count:]

    def _skip_between(self, position: int) -> tuple[int, bytes, int]:
        """Past white space and commas: the item's start becomes the buffer's first byte."""
        commas = 0
        while True:
            match = _BETWEEN.match(self.buffer, position)
            end = match.end() if match else position
            commas += self.buffer.count(b",", position, end)
            self._drop(end)
            position = 0
            if self.buffer or not self._grow():
                return 0, self.buffer[:1], commas

    def _item_end(self, start: int) -> int:
        if self.buffer[start : start + 1] not in (b"{", b"["):
            return self._scalar_end(start)
        depth, position, wanted = 0, start, 0
        while True:
            for token in _TOKEN.finditer(self.buffer, position):
                first = token.group()[:1]
                if first == b'"':
                    if token.end() - token.start() == 1:
                        position = token.start()
                        break
                elif first in (b"{", b"["):
                    depth += 1
                else:
                    depth -= 1
                    if not depth:
                        return token.end()
                position = token.end()
            # A long item doubles the buffer before it is looked at again, so that an unclosed
            # quote costs a few passes and not one for each chunk.
            wanted = max(len(self.buffer) + 1, min(2 * wanted, self.limits.record_bytes))
            while len(self.buffer) < wanted:
                if len(self.buffer) - start > self.limits.record_bytes:
                    raise self._refusal(self._too_large())
                if not self._grow():
                    raise self._refusal("The file ends in the middle of the item that starts here.")

    def _scalar_end(self, start: int) -> int:
        if self.buffer[start : start + 1] == b"}":
            raise self._refusal("A closing bracket stands where an item should.")
        while True:
            match = _SCALAR.match(self.buffer, start)
            if match and match.end() < len(self.buffer):
                return match.end()
            if len(self.buffer) - start > self.limits.record_bytes:
                raise self._refusal(self._too_large())
            if not self._grow():
                raise self._refusal("The file ends in the middle of the item that starts here.")

    def _nothing_follows(self) -> None:
        while True:
            space = len(self.buffer) - len(self.buffer.lstrip(b" \t\r\n"))
            self._drop(space)
            if self.buffer:
                raise self._refusal("Something follows the end of the list.")
            if not self._grow():
                return

    def _too_large(self) -> str:
        return (
            f"The item that starts here is larger than {self.limits.record_bytes:,} bytes; "
            "probably a quote or a bracket in it is never closed."
        )

    def _refusal(self, reason: str) -> FileRefused:
        kept = self.buffer[: self.limits.kept_of_a_refused_record]
        return FileRefused(reason, line=self.line, offset=self.offset, original=kept)
