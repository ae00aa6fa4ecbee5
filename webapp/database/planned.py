"""One row from a statement that is sent all day, planned once for each connection.

For statements by hand whose plan does not depend on their values. `%(name)s` may stand where
PostgreSQL can tell the type; elsewhere it is written with one, as %(name)s::bigint.
"""

from collections.abc import Mapping
from typing import Any, cast

from django.db import connection

from webapp.database.base import DatabaseWrapper


def planned_row(statement: str, values: Mapping[str, Any]) -> tuple[Any, ...] | None:
    database = cast(DatabaseWrapper, connection)
    with database.planning_cursor() as cursor:
        cursor.execute(statement, values)
        row: tuple[Any, ...] | None = cursor.fetchone()
        return row
