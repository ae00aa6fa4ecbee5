"""Lines into files: plain, .gz and .zst, the same bytes for the same lines.

Nothing of the day or the machine gets into them: no time, no name, one thread, fixed levels. The
encoder's version is pinned in constraints.txt.
"""

import hashlib
import zlib
from collections.abc import Iterable, Iterator
from typing import Protocol

import zstandard
from isal import isal_zlib

ZSTD_LEVEL = 3
GZIP_LEVEL = 1  # of ISA-L's four; about gzip -3 in size, at ten times its speed
STEP = 1 << 20  # bytes that the encoder is given at once


class Sink(Protocol):
    def write(self, data: bytes, /) -> object: ...


def compressed(blocks: Iterable[bytes], compression: str) -> Iterator[bytes]:
    """The blocks as they are (""), as one gzip member ("gz") or as one zstd frame ("zst").

    Raises:
        ValueError: another compression.
    """
    if compression == "":
        yield from blocks
    elif compression == "gz":
        yield from _gzip(_even(blocks))
    elif compression == "zst":
        yield from _zstd(_even(blocks))
    else:
        raise ValueError(f"The compression is {compression!r}. Allowed: '', 'gz', 'zst'.")


def hashed(blocks: Iterable[bytes], digest: "hashlib._Hash") -> Iterator[bytes]:
    """The same blocks; `digest` sees each of them."""
    for block in blocks:
        digest.update(block)
        yield block


def _even(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes in steps of one size: an encoder's output may depend on where it was fed."""
    waiting = bytearray()
    for block in blocks:
        waiting += block
        while len(waiting) >= STEP:
            yield bytes(waiting[:STEP])
            del waiting[:STEP]
    if waiting:
        yield bytes(waiting)


def _gzip(blocks: Iterable[bytes]) -> Iterator[bytes]:
    encoder = isal_zlib.compressobj(GZIP_LEVEL, zlib.DEFLATED, -15)
    checksum = size = 0
    yield b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x04\xff"  # no name, no time, unknown system
    for block in blocks:
        checksum = isal_zlib.crc32(block, checksum)
        size += len(block)
        if made := encoder.compress(block):
            yield made
    yield encoder.flush()
    yield checksum.to_bytes(4, "little") + (size & 0xFFFFFFFF).to_bytes(4, "little")


def _zstd(blocks: Iterable[bytes]) -> Iterator[bytes]:
    parameters = zstandard.ZstdCompressionParameters.from_level(
        ZSTD_LEVEL, write_checksum=1, write_content_size=0, threads=0
    )
    encoder = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    for block in blocks:
        if made := encoder.compress(block):
            yield made
    yield encoder.flush()


def plain(file: Iterable[bytes], compression: str) -> Iterator[bytes]:
    """Back from compressed(): blocks of whole lines."""
    decoder = {
        "": lambda: None,
        "gz": lambda: isal_zlib.decompressobj(31),
        "zst": lambda: zstandard.ZstdDecompressor().decompressobj(),
    }[compression]()
    rest = b""
    for block in file:
        data = rest + (decoder.decompress(block) if decoder is not None else block)
        end = data.rfind(b"\n") + 1
        rest = data[end:]
        if end:
            yield data[:end]
    if rest:
        yield rest
