"""Telling workers to look at a queue. A hint may be lost, late or doubled."""

import logging
import time

from kombu.exceptions import OperationalError

logger = logging.getLogger("rondo.jobs")

PAUSE_SECONDS = 5.0  # after a failure: a request must not wait for a broker that is away


class _Pause:
    until = 0.0


def send_hint(queue: str) -> bool:
    """One message for the workers of `queue`; False when the broker did not take it."""
    from webapp.jobs.tasks import look

    if time.monotonic() < _Pause.until:
        return False
    try:
        look.apply_async(args=[queue], queue=queue, retry=False)
    except (OperationalError, OSError) as error:
        _Pause.until = time.monotonic() + PAUSE_SECONDS
        logger.warning(
            "The broker did not take a hint for queue %s (%s). Jobs still run, found by polling; "
            "check BROKER_URL and the broker's process.",
            queue,
            error,
            extra={"event": "broker.away", "queue": queue},
        )
        return False
    return True
