"""The one message that Celery carries for Rondo."""

from webapp.celery import app
from webapp.jobs.worker import look_at_once


@app.task(name="rondo.look", acks_late=False, ignore_result=True)
def look(queue: str) -> None:
    """Somebody put a job into `queue`: look, and work until nothing is due."""
    look_at_once(queue)
