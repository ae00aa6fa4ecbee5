"""What an import asks of the file it reads, and of the one that gets the refused records."""

from typing import Protocol


class Readable(Protocol):
    """A file, an artifact of the store, or anything else that gives its bytes in order, once."""

    def read(self, size: int = ..., /) -> bytes: ...


class Writable(Protocol):
    def write(self, data: bytes, /) -> object: ...
