"""PostgreSQL for Django, with a check of a kept connection that asks the server nothing.

CONN_HEALTH_CHECKS sends SELECT 1 before the first statement of every request: a round trip that a
busy API pays twice a step. A server that has ended a connection, by a restart, a kill or
idle_session_timeout, has closed its socket, and a closed socket is readable.
"""

import select
from typing import Any

from django.db.backends.postgresql import base
from psycopg.pq import ConnStatus, TransactionStatus


class DatabaseWrapper(base.DatabaseWrapper):
    connection: Any

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
