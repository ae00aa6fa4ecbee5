"""What the reconciler looks after beside the queues: rooms whose work waits for something else.

A room registers a function in AppConfig.ready; it is called every JOBS_RECONCILE_SECONDS, asks its
own tables what has become due, and queues jobs. It may be called by two reconcilers at once.
"""

import logging
from collections.abc import Callable

from django.db import InterfaceError, OperationalError

logger = logging.getLogger("rondo.jobs")
_watches: dict[str, Callable[[], object]] = {}


def watch(name: str, look: Callable[[], object]) -> None:
    """From now on `look` is called at each pass of the reconciler."""
    _watches[name] = look


def look_after() -> None:
    """Call them all; a failure of one keeps nobody else from being called.

    Raises:
        OperationalError, InterfaceError: the database is away; nobody could be asked.
    """
    for name, look in list(_watches.items()):
        try:
            look()
        except (OperationalError, InterfaceError):
            raise
        except Exception:
            logger.exception("The reconciler could not look after: %s", name)
