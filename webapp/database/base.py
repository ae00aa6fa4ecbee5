"""PostgreSQL for Django, with a check of a kept connection that asks the server nothing, and with
statements that are planned once for each connection.

CONN_HEALTH_CHECKS sends SELECT 1 before the first statement of every request: a round trip that a
busy API pays twice a step. A server that has ended a connection, by a restart, a kill or
idle_session_timeout, has closed its socket, and a closed socket is readable.
"""

import select
from typing import Any

import psycopg
from django.db.backends.postgresql import base, operations
from psycopg.pq import ConnStatus, TransactionStatus


class PlanningCursor(psycopg.Cursor[Any]):
    """Prepares every statement, and sends its values apart from it.

    The ORM's cursors write the values into the statement, which PostgreSQL then reads and plans
    each time: for a claim it takes longer than to carry it out. psycopg prepares while the
    connection has a threshold; it has none but here, since it would keep the texts of all other
    statements.
    """

    def execute(self, query: Any, params: Any = None, **options: Any) -> "PlanningCursor":
        self.connection.prepare_threshold = 1
        try:
            return super().execute(query, params, prepare=True, **options)
        finally:
            self.connection.prepare_threshold = None


class Operations(operations.DatabaseOperations):
    def last_executed_query(self, cursor: Any, sql: Any, params: Any) -> str:
        """For logs and tests: of a planned statement, the statement without its values."""
        return super().last_executed_query(cursor, sql, params) or str(sql)


class DatabaseWrapper(base.DatabaseWrapper):
    connection: Any
    ops_class = Operations

    def planning_cursor(self) -> Any:
        """A cursor for the few statements that are sent all day; else as connection.cursor()."""
        wrapper: Any = self
        wrapper.ensure_connection()
        with wrapper.wrap_database_errors:
            return wrapper._prepare_cursor(PlanningCursor(self.connection))

    def is_usable(self) -> bool:
        """Whether the connection is idle and silent; if it has something to say, it is asked."""
        if self.connection is None or self.connection.closed:
            return False
        state = self.connection.pgconn
        if state.status != ConnStatus.OK or state.transaction_status != TransactionStatus.IDLE:
            return super().is_usable()
        poll = select.poll()
        poll.register(state.socket, select.POLLIN | select.POLLHUP | select.POLLERR)
        if poll.poll(0):
            return super().is_usable()
        return True
