"""The bytes of a file, decompressed as they are needed. What it is is told by its first bytes."""

from collections.abc import Iterator
from typing import Any

import zstandard
from isal import isal_zlib

from annotation.imports.formats.limits import Limits
from annotation.imports.formats.refusals import FileRefused
from annotation.imports.formats.streams import Readable

GZIP_MAGIC = b"\x1f\x8b"
ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
STRANGERS = {
    b"PK\x03\x04": "a zip archive (or an Excel file). Unpack it and import the files in it",
    b"PK\x05\x06": "an empty zip archive",
    b"BZh": "compressed with bzip2. Decompress it, or compress it with gzip or zstd",
    b"\xfd7zXZ": "compressed with xz. Decompress it, or compress it with gzip or zstd",
    b"7z\xbc\xaf": "a 7z archive. Unpack it and import the files in it",
    b"Rar!": "a rar archive. Unpack it and import the files in it",
    b"\x80\x04\x95": "a Python pickle, which is never opened: it could run any program",
    b"\x80\x05\x95": "a Python pickle, which is never opened: it could run any program",
    b"ARROW1": "an Arrow file. Save it as Parquet or JSON Lines",
    b"SQLite format 3": "a SQLite database. Export the table as CSV or JSON Lines",
    b"%PDF": "a PDF document",
    b"\xff\xfe": "UTF-16 text. Save it as UTF-8",
    b"\xfe\xff": "UTF-16 text. Save it as UTF-8",
}
BOM = b"\xef\xbb\xbf"
# A zstd block of 4 bytes can stand for 128 KiB: small sips keep one step below 70 MiB.
SIP = 2048
CHUNK = 256 * 1024
_DAMAGE: tuple[Any, ...] = (isal_zlib.error, zstandard.ZstdError)


class Bytes:
    """Decompressed chunks of a file of plain, gzip or zstd bytes, several members included.

    Raises FileRefused for an archive, a damaged or unfinished stream, and a bomb.
    """

    def __init__(self, file: Readable, limits: Limits) -> None:
        self.file = file
        self.limits = limits
        self.head = file.read(16)
        self.read_in = len(self.head)
        self.given_out = 0
        self.compression = ""
        if self.head.startswith(GZIP_MAGIC):
            self.compression = "gzip"
        elif self.head.startswith(ZSTD_MAGIC):
            self.compression = "zstd"

    def __iter__(self) -> Iterator[bytes]:
        pieces = self._decompressed() if self.compression else self._plain()
        first = True
        for piece in pieces:
            if first:
                refuse_a_stranger(piece)
                first = False
            self.given_out += len(piece)
            self._refuse_too_much()
            yield piece

    def _plain(self) -> Iterator[bytes]:
        # The head is joined to what follows, so that a stranger's mark is seen whole.
        piece = self.head + self.file.read(CHUNK)
        while piece:
            yield piece
            piece = self.file.read(CHUNK)

    def _decompressed(self) -> Iterator[bytes]:
        stream: Any = None
        pending = self.head
        collected: list[bytes] = []
        size = 0
        while True:
            if not pending:
                pending = self.file.read(SIP)
                self.read_in += len(pending)
                if not pending:
                    break
            try:
                if stream is None:
                    stream = self._new_stream()
                piece = stream.decompress(pending)
            except _DAMAGE as error:
                yield from _joined(collected)
                raise FileRefused(
                    f"The {self.compression} stream is damaged near compressed byte "
                    f"{self.read_in:,} ({error}). Fetch the file again."
                ) from None
            pending = b""
            if stream.eof:
                pending = stream.unused_data.lstrip(b"\0")
                stream = None
            if piece:
                collected.append(piece)
                size += len(piece)
            if size >= CHUNK:
                yield from _joined(collected)
                collected, size = [], 0
        yield from _joined(collected)
        if stream is not None:
            raise FileRefused(
                f"The {self.compression} stream ends early, after {self.read_in:,} compressed "
                "bytes: the file is incomplete. Fetch it again."
            )

    def _new_stream(self) -> Any:
        if self.compression == "gzip":
            return isal_zlib.decompressobj(wbits=31)
        return zstandard.ZstdDecompressor(max_window_size=2**27).decompressobj()

    def _refuse_too_much(self) -> None:
        if self.given_out > self.limits.file_bytes:
            raise FileRefused(
                f"The file holds more than {self.limits.file_bytes:,} bytes. Split it.",
                offset=self.given_out,
            )
        bomb = self.given_out > self.limits.expansion * max(self.read_in, 1)
        if self.compression and bomb and self.given_out > self.limits.expansion_from:
            raise FileRefused(
                f"{self.read_in:,} compressed bytes grew to more than {self.given_out:,}: "
                "this is a decompression bomb, not data.",
                offset=self.given_out,
            )


def _joined(pieces: list[bytes]) -> Iterator[bytes]:
    if pieces:
        yield b"".join(pieces)


def refuse_a_stranger(start: bytes) -> None:
    """Refuse what is no text, CSV or Parquet by the first bytes of the decompressed file."""
    for magic, what in STRANGERS.items():
        if start.startswith(magic):
            raise FileRefused(f"The file is {what}.")
    if start.startswith((GZIP_MAGIC, ZSTD_MAGIC)):
        raise FileRefused("The file is compressed twice. Decompress it once and import the result.")
    if len(start) >= 4 and (start[1::2][:8] == b"\0" * 8 or start[::2][:8] == b"\0" * 8):
        raise FileRefused("The file is UTF-16 text. Save it as UTF-8.")
