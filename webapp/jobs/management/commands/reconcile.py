"""The process that looks after all queues. Several may run: one works at a time."""

import logging
import os
import signal
import socket
import threading
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from webapp.jobs.actions.reconcile import Memory, reconcile
from webapp.jobs.actions.register_worker import register_worker, worker_left
from webapp.jobs.models import Worker
from webapp.jobs.worker import Identity, with_database

logger = logging.getLogger("rondo.jobs")


class Command(BaseCommand):
    help = "Look after the queues: lost hints, dead leases, stuck cancels. Runs until SIGTERM."

    def handle(self, *args: Any, **options: Any) -> None:
        stopped = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stopped.set())
        host, pid = socket.gethostname()[:80], os.getpid()
        name = f"{Worker.RECONCILER}@{host}:{pid}"
        me = Identity(name=name, queue=Worker.RECONCILER, host=host, pid=pid, slots=1, gpu="")
        logger.info("Reconciler %s, every %s s", name, settings.JOBS_RECONCILE_SECONDS)
        memory = Memory()
        while not stopped.is_set():
            with_database(lambda: register_worker(me), "say it is there")
            with_database(lambda: reconcile(memory), "reconcile")
            stopped.wait(settings.JOBS_RECONCILE_SECONDS)
        with_database(lambda: worker_left(name), "say goodbye")
