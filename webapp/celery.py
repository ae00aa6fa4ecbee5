"""The Celery application.

It carries hints ("look at your queue"); the truth about jobs is in the database.
"""

import os
import warnings
from typing import Any

from celery import Celery, signals
from celery.platforms import SecurityWarning

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "webapp.settings")

# Its reason, pickled messages, is refused by CELERY_ACCEPT_CONTENT.
warnings.filterwarnings("ignore", category=SecurityWarning, message="You're running the worker")

app = Celery("rondo")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["webapp.jobs"])


@signals.setup_logging.connect
def keep_our_logging(**_: Any) -> None:
    """Having a receiver tells Celery to leave the configuration of webapp/logs.py alone."""
