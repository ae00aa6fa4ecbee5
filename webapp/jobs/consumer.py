"""Celery's consumer, which also counts the messages that it cannot even read."""

from typing import Any

from celery.worker.consumer import Consumer

from webapp.jobs.worker import count_refused


class CountingConsumer(Consumer):
    def on_decode_error(self, message: Any, exc: Exception) -> None:
        """Bad JSON, or a serialiser that CELERY_ACCEPT_CONTENT does not name (pickle)."""
        count_refused()
        super().on_decode_error(message, exc)
