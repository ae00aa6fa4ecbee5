"""How much of a stranger's file is read before it is refused."""

import time
from dataclasses import dataclass

from annotation.imports.formats.refusals import FileRefused

MEBIBYTE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """Every limit of one reading. Sizes are bytes after decompression unless said otherwise."""

    file_bytes: int = 20 * 1024 * MEBIBYTE
    record_bytes: int = 16 * MEBIBYTE
    object_bytes: int = 64 * MEBIBYTE  # a .json file that is one object must be held in memory
    depth: int = 64
    records: int = 50_000_000
    seconds: float = 6 * 3600.0
    expansion: int = 1000  # decompressed over compressed; text seldom passes 30
    expansion_from: int = 64 * MEBIBYTE  # short files of one repeated letter are innocent
    kept_of_a_refused_record: int = MEBIBYTE
    html_bytes: int = 2 * MEBIBYTE

    def __post_init__(self) -> None:
        for name in self.__slots__:
            if getattr(self, name) <= 0:
                raise ValueError(f"The limit {name} is {getattr(self, name)}; it must be above 0.")


class Watch:
    """Counts records and seconds of one reading and refuses the file when either runs out."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.records = 0
        self.deadline = time.monotonic() + limits.seconds

    def record(self, line: int, offset: int) -> None:
        self.records += 1
        if self.records > self.limits.records:
            raise FileRefused(
                f"The file has more than {self.limits.records:,} records. Split it.",
                line=line,
                offset=offset,
            )
        if not self.records % 256 and time.monotonic() > self.deadline:
            raise FileRefused(
                f"Reading took longer than {self.limits.seconds:g} seconds and was stopped here.",
                line=line,
                offset=offset,
            )
