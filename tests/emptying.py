"""Emptying the database after a test that committed, without touching what is empty already.

TRUNCATE gives each of some hundred tables, and each of their indexes, a new file: half a second,
after every test in a browser. Such a test fills twenty tables with a few rows.
"""

from collections.abc import Iterable
from typing import Any

from django.db import connection
from django.db.backends.postgresql.operations import DatabaseOperations

SMALL = (
    1_000_000  # bytes; what was larger, also with deleted rows, is truncated: plans depend on it
)

_truncating = DatabaseOperations.sql_flush


def delete_the_few(
    self: Any, style: Any, tables: Iterable[str], *, reset_sequences: bool = False, **options: Any
) -> list[str]:
    """The statements that leave every one of `tables` empty (for DatabaseOperations.sql_flush)."""
    tables = list(tables)
    if reset_sequences or not tables:
        return list(_truncating(self, style, tables, reset_sequences=reset_sequences, **options))
    names = [self.quote_name(table) for table in tables]
    asked = [f"SELECT '{n}', pg_relation_size('{n}') WHERE EXISTS (SELECT FROM {n})" for n in names]
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(asked))
        filled = cursor.fetchall()
    if sum(size for _name, size in filled) > SMALL:
        return list(_truncating(self, style, tables, **options))
    # Neither foreign keys nor triggers are asked: in the end nothing is left in any table.
    alone = ["SET LOCAL session_replication_role = replica"] if filled else []
    return alone + [f"DELETE FROM {name}" for name, _size in filled]
