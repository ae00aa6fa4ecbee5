"""Typed rows into the tables: streamed with COPY, idempotent, in the caller's one transaction.

For each batch the database is asked once which prompts, answers and judgements it has; the rest is
given ids from the sequences and copied. The file's next batch is read meanwhile, by a thread that
never touches the database.
"""

import gc
import queue
import sys
import threading
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

from django.db import connection

from annotation.imports.formats.refusals import FileRefused, Refusal
from annotation.imports.prepared import PreparedRecord
from annotation.imports.tables import Tables

T = TypeVar("T")
BATCH = 500
SWITCH_SECONDS = 0.0002
_LOCK = 0x696D706F  # imports into one workspace wait for each other


@dataclass
class Counts:
    """What became of a file's records: rows = imported + duplicates + refused.

    tables: new rows by table. fixes: records by what was fixed in them. personal: records by the
    kinds of personal data in them. broken: why the file could
    not be read to its end, or None.
    """

    rows: int = 0
    imported: int = 0
    duplicates: int = 0
    fixed: int = 0
    refused: int = 0
    fixes: Counter[str] = field(default_factory=Counter)
    personal: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    tables: Counter[str] = field(default_factory=Counter)
    broken: FileRefused | None = None


def load(
    batches: Iterator[list[PreparedRecord | Refusal]],
    *,
    workspace_id: int,
    created_by_id: int | None,
    import_id: int | None = None,
    on_refusal: Callable[[Refusal], None],
    on_batch: Callable[[Counts], None],
) -> Counts:
    """Write every good record that is not there yet. Call it inside a transaction.

    on_refusal: called for each refused record. on_batch: called after each batch; what it raises
    ends the load. import_id: what every new row names as its origin.
    """
    counts = Counts()
    tables = Tables(workspace_id, created_by_id, import_id)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [_LOCK, workspace_id])
    with closing(_ahead(batches)) as read:
        try:
            for batch in read:
                records = [item for item in batch if isinstance(item, PreparedRecord)]
                new = tables.store(records)
                _count(batch, new, counts, on_refusal)
                counts.tables = tables.written
                on_batch(counts)
        except FileRefused as error:
            counts.broken = error
            counts.rows += 1
            counts.refused += 1
            counts.reasons[error.reason] += 1
            on_refusal(Refusal(error.line, error.offset, "", error.reason, error.original))
    return counts


def _count(
    batch: list[PreparedRecord | Refusal],
    new: list[bool],
    counts: Counts,
    on_refusal: Callable[[Refusal], None],
) -> None:
    stored = iter(new)
    is_new = False
    for item in batch:
        counts.rows += 1
        if isinstance(item, Refusal):
            counts.refused += 1
            counts.reasons[item.reason] += 1
            on_refusal(item)
            continue
        # A record without rows of its own is part of the one before it (a tree's messages).
        is_new = next(stored) if item.rows else next(stored) or is_new
        if is_new:
            counts.imported += 1
        else:
            counts.duplicates += 1
        if item.fixes:
            counts.fixed += 1
            counts.fixes.update(item.fixes)
        counts.personal.update(item.personal_data())


def _ahead(items: Iterator[T]) -> Generator[T, None, None]:
    """The same items, made by a thread that is one or two ahead. Its exceptions are raised here."""
    waiting: queue.Queue[tuple[T | None, BaseException | None]] = queue.Queue(maxsize=1)
    stopped = threading.Event()

    def put(item: tuple[T | None, BaseException | None]) -> bool:
        while not stopped.is_set():
            try:
                waiting.put(item, timeout=0.2)
            except queue.Full:
                continue
            return True
        return False

    def produce() -> None:
        try:
            for item in items:
                if not put((item, None)):
                    return
        except BaseException as error:
            put((None, error))
        else:
            put((None, None))

    thread = threading.Thread(target=produce, name="import-reader", daemon=True)
    with _busy_interpreter():
        thread.start()
        try:
            while True:
                item, error = waiting.get()
                if error is not None:
                    raise error
                if item is None:
                    return
                yield item
        finally:
            stopped.set()
            thread.join()


@contextmanager
def _busy_interpreter() -> Iterator[None]:
    """Python's settings while two threads make a million objects.

    By default the reader may keep the interpreter for 5 ms each time that PostgreSQL has answered
    and waits for more: a fifth of the whole import. And what was there before it, all of Django,
    would be searched for garbage again and again.
    """
    usual = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_SECONDS)
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
        sys.setswitchinterval(usual)
