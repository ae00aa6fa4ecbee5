"""Reading the frozen files that a run learns from: JSON Lines in TRL's types.

Plain or compressed by the file's own first bytes (.gz, .zst); a bad line is refused by number.
Texts are strings or chats (lists of messages). Columns beyond TRL's that are understood: `weight`,
`margin`, `group`, `annotator`, `strength`, `use_case`, `tie`; unknown columns are left alone.
"""

import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, BinaryIO, TypeVar

import msgspec
from msgspec import Meta

from training.trainers.outcome import BadInput
from training.trainers.run_config import DataSource, Role
from training.trainers.run_directory import Run

MAX_LINE_BYTES = 16 * 1024 * 1024
MAX_PROBLEMS = 20


class Message(msgspec.Struct, frozen=True):
    """One turn of a chat."""

    role: Annotated[str, Meta(min_length=1, max_length=64)]
    content: str


Text = str | Annotated[list[Message], Meta(min_length=1)]
Weight = Annotated[float, Meta(ge=0, le=1e6)]


class PromptRow(msgspec.Struct, frozen=True):
    """TRL's prompt-only type."""

    prompt: Text
    use_case: str | None = None


class CompletionRow(msgspec.Struct, frozen=True):
    """TRL's prompt-completion type: a demonstration. A whole chat may stand in `messages`."""

    prompt: Text | None = None
    completion: Text | None = None
    messages: Annotated[list[Message], Meta(min_length=1)] | None = None
    weight: Weight = 1.0


class PreferenceRow(msgspec.Struct, frozen=True):
    """TRL's preference type. Rows with the same `group` came from one ranking of one prompt.

    `tie`: the two were judged equal; which stands under chosen then means nothing.
    """

    prompt: Text
    chosen: Text
    rejected: Text
    weight: Weight = 1.0
    margin: Annotated[float, Meta(ge=-1e3, le=1e3)] | None = None
    group: str | int | None = None
    annotator: str | int | None = None
    strength: str | int | float | None = None
    use_case: str | None = None
    tie: bool = False


class UnpairedRow(msgspec.Struct, frozen=True):
    """TRL's unpaired type: one answer, good or bad."""

    prompt: Text
    completion: Text
    label: bool
    weight: Weight = 1.0


class TextRow(msgspec.Struct, frozen=True):
    """TRL's language-modelling type: raw text."""

    text: Annotated[str, Meta(min_length=1)]


ROWS: dict[str, type[msgspec.Struct]] = {
    "prompt_only": PromptRow,
    "prompt_completion": CompletionRow,
    "preference": PreferenceRow,
    "unpaired": UnpairedRow,
    "text": TextRow,
}
Row = TypeVar("Row", bound=msgspec.Struct)


def read_role(run: Run, role: Role, row_type: type[Row]) -> list[Row]:
    """All rows of a role, file after file. Raises BadInput naming file and line."""
    rows: list[Row] = []
    for source in run.config.sources(role):
        rows += read_rows(run.resolve(source.path), source, row_type)
        run.stop.check()
    return rows


def read_rows(path: Path, source: DataSource, row_type: type[Row]) -> list[Row]:
    """The rows of one file, each of `row_type`.

    Raises BadInput listing up to twenty bad lines, or saying that the file holds no row.
    """
    decoder = msgspec.json.Decoder(row_type)
    rows: list[Row] = []
    problems: list[str] = []
    with _open(path) as file:
        for number, line in _lines(file, source.path):
            if not line.strip():
                continue
            try:
                row = decoder.decode(line)
                _check_row(row)
            except (msgspec.DecodeError, ValueError, RecursionError) as error:
                problems.append(f"{source.path}, line {number}: {error}.")
                if len(problems) == MAX_PROBLEMS:
                    break
            else:
                rows.append(row)
    if problems:
        raise BadInput([*problems, f"Each line must be a {source.kind} row; see docs/training.md."])
    if not rows:
        raise BadInput(f"{source.path} holds no row. Give a file with at least one.")
    return rows


def plain_text(text: Text) -> str | list[dict[str, str]]:
    """A text as the tokenizers want it: a string, or a list of dicts."""
    if isinstance(text, str):
        return text
    return [{"role": message.role, "content": message.content} for message in text]


def _check_row(row: Any) -> None:
    """What the types cannot say. Raises ValueError with a sentence without its full stop."""
    if isinstance(row, CompletionRow):
        pair = row.prompt is not None and row.completion is not None
        if pair == (row.messages is not None):
            raise ValueError("it needs prompt and completion, or messages alone")
    if isinstance(row, (PreferenceRow, UnpairedRow)) or (
        isinstance(row, CompletionRow) and row.completion is not None
    ):
        texts = [
            getattr(row, name)
            for name in ("prompt", "completion", "chosen", "rejected")
            if hasattr(row, name)
        ]
        if len({isinstance(text, str) for text in texts}) > 1:
            raise ValueError("prompt and answers must all be texts, or all be chats")
    if isinstance(row, PreferenceRow) and not row.tie and row.chosen == row.rejected:
        raise ValueError("chosen and rejected are the same, which prefers nothing")


@contextmanager
def _open(path: Path) -> Iterator[BinaryIO]:
    with path.open("rb") as raw:
        magic = raw.read(4)
        raw.seek(0)
        if magic[:2] == b"\x1f\x8b":
            with gzip.open(raw) as file:
                yield file  # type: ignore[misc]  # GzipFile reads as BinaryIO does
        elif magic == b"\x28\xb5\x2f\xfd":
            import zstandard

            with zstandard.ZstdDecompressor().stream_reader(raw) as stream:
                yield stream
        else:
            yield raw


def _lines(file: BinaryIO, name: str) -> Iterator[tuple[int, bytes]]:
    """Numbered lines, read in blocks (a zstd stream cannot read lines itself)."""
    import zlib

    import zstandard

    rest = b""
    number = 0
    try:
        while block := file.read(1024 * 1024):
            *whole, rest = (rest + block).split(b"\n")
            for line in whole:
                number += 1
                yield number, line
            if len(rest) > MAX_LINE_BYTES:
                raise BadInput(f"{name}, line {number + 1} is longer than {MAX_LINE_BYTES} bytes.")
    except (EOFError, OSError, zlib.error, zstandard.ZstdError) as error:
        raise BadInput(f"{name} cannot be decompressed after line {number}: {error}.") from error
    if rest:
        yield number + 1, rest
