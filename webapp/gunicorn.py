"""gunicorn's settings, here and in production: gunicorn -c python:webapp.gunicorn webapp.wsgi

Threads, because a page waits for the database, not for the processor; WSGI, because it served four
to five times the requests of ASGI before the same Django. Progress is polled: no long connections.
"""

import os
import shutil
from pathlib import Path
from typing import Any

from webapp import environment, logs

ROOT = Path(__file__).resolve().parent.parent

environment.load_file(ROOT / ".env")
bind = "{}:{}".format(*environment.address("LISTEN", "127.0.0.1:8000"))
workers = environment.whole_number("WEB_PROCESSES", 2, least=1, most=64)
threads = environment.whole_number("WEB_THREADS", 4, least=1, most=64)
worker_class = "gthread"
preload_app = True  # loaded once, before the fork: half the start and much of the memory is shared
timeout = 60  # a request that blocks its process longer ends with it; uploads stream meanwhile
graceful_timeout = 10
keepalive = 5
max_requests = 20_000  # a slow leak of a library never becomes a large one
max_requests_jitter = 2_000
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 - gunicorn unlinks it
control_socket_disable = True
errorlog = "-"
logconfig_dict = logs.configuration(
    style=environment.one_of("LOG_FORMAT", "text", logs.FORMATS),
    level=environment.one_of("LOG_LEVEL", "INFO", logs.LEVELS),
)
accesslog = None  # webapp/health logs requests, with their ids
forwarded_allow_ips = "*" if environment.flag("BEHIND_PROXY", False) else ""
limit_request_line = 8190
limit_request_fields = 100

# Each process counts in a file of its own here; /metrics adds them up.
_counters = Path(environment.text("RONDO_VAR", str(ROOT / "var"))).absolute() / "metrics"
os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(_counters)


def on_starting(server: Any) -> None:
    shutil.rmtree(_counters, ignore_errors=True)
    _counters.mkdir(parents=True)


def child_exit(server: Any, worker: Any) -> None:
    from prometheus_client.multiprocess import mark_process_dead

    mark_process_dead(worker.pid)
