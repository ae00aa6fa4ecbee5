"""What a reader says when it will not take something, and where in the file it was."""

from dataclasses import dataclass


class Refused(ValueError):
    """One record is not taken. `path` leads to the field, as in `conversations[3].value`."""

    def __init__(self, reason: str, path: str = "") -> None:
        super().__init__(f"{path}: {reason}" if path else reason)
        self.reason = reason
        self.path = path

    def under(self, prefix: str) -> "Refused":
        """The same refusal, seen from one level further out."""
        if not self.path:
            return Refused(self.reason, prefix)
        joint = "" if self.path.startswith("[") else "."
        return Refused(self.reason, f"{prefix}{joint}{self.path}")


class FileRefused(ValueError):
    """The file cannot be read to its end: what follows the named place is unknown."""

    def __init__(
        self, reason: str, *, line: int = 0, offset: int = 0, original: bytes = b""
    ) -> None:
        where = f"line {line}: " if line else ""
        super().__init__(f"{where}{reason}")
        self.reason = reason
        self.line = line
        self.offset = offset
        self.original = original
        self.columns: tuple[str, ...] = ()  # the file's own, where only its format is unknown


@dataclass(frozen=True, slots=True)
class Refusal:
    """One line of the rejects file.

    line: 1-based line of the decompressed file on which the record starts (Parquet: its row).
    offset: bytes of the decompressed file before it. path: field inside the record, may be empty.
    original: the record as it stood in the file, cut after `limits.kept_of_a_refused_record`.
    """

    line: int
    offset: int
    path: str
    reason: str
    original: bytes
