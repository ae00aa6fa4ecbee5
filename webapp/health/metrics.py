"""What Prometheus reads at /metrics: requests counted in each web process, and figures asked of the
database when somebody scrapes. docs/operations.md lists and explains them."""

import os
from collections.abc import Iterator

from django.db import DatabaseError, connection
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

BUCKETS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)

_registry = CollectorRegistry()
REQUESTS = Counter(
    "rondo_requests", "Requests answered.", ["view", "method", "status"], registry=_registry
)
SECONDS = Histogram(
    "rondo_request_seconds", "Time to answer.", ["view"], buckets=BUCKETS, registry=_registry
)


def observe(view: str, method: str, status: int, seconds: float) -> None:
    known = method if method in {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"} else "other"
    REQUESTS.labels(view, known, str(status)).inc()
    SECONDS.labels(view).observe(seconds)


class InstallationCollector(Collector):
    """Figures of the whole installation, read from the database at the moment of the scrape."""

    def collect(self) -> Iterator[Metric]:
        up = GaugeMetricFamily("rondo_database_up", "1 when the database answers.")
        try:
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1")
            figures = list(_job_figures())
            up.add_metric([], 1)
        except DatabaseError:
            figures = []
            up.add_metric([], 0)
        yield up
        yield from figures


def _job_figures() -> Iterator[Metric]:
    jobs = GaugeMetricFamily("rondo_jobs", "Jobs by queue and state.", labels=["queue", "state"])
    oldest = GaugeMetricFamily(
        "rondo_oldest_queued_job_seconds",
        "Wait of the oldest queued job.",
        labels=["queue"],
    )
    seen = GaugeMetricFamily(
        "rondo_workers_seen", "Workers that reported within a minute.", labels=["queue"]
    )
    with connection.cursor() as cursor:
        cursor.execute("SELECT queue, state, count(*) FROM jobs_job GROUP BY queue, state")
        for queue, state, count in cursor.fetchall():
            jobs.add_metric([queue, state], count)
        cursor.execute(
            "SELECT queue, extract(epoch FROM now() - min(created_at)) FROM jobs_job"
            " WHERE state = 'queued' GROUP BY queue"
        )
        for queue, age in cursor.fetchall():
            oldest.add_metric([queue], float(age))
        cursor.execute(
            "SELECT queue, count(*) FROM jobs_worker WHERE stopped_at IS NULL"
            " AND seen_at > now() - interval '1 minute' GROUP BY queue"
        )
        counted = dict(cursor.fetchall())
    for queue in sorted({"default", "gpu", "reconciler"} | set(counted)):
        seen.add_metric([queue], counted.get(queue, 0))
    yield from (jobs, oldest, seen)


def exposition() -> bytes:
    """The text that Prometheus reads: all web processes of this host, and the installation."""
    registry = CollectorRegistry()
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):  # set by webapp/gunicorn.py
        MultiProcessCollector(registry)
    registry.register(InstallationCollector())
    alone = b"" if os.environ.get("PROMETHEUS_MULTIPROC_DIR") else generate_latest(_registry)
    return alone + generate_latest(registry)
