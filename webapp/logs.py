"""What a line of the log looks like: text or JSON, with the id of the request that caused it.

Nothing in a line can pretend to be another line (control characters are escaped), and what looks
like a secret is hidden. Free of Django, so that gunicorn's own lines look the same.
"""

import json
import logging
import os
import re
import traceback
from datetime import UTC, datetime
from functools import cache
from typing import Any

FORMATS = ("text", "json")
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
HIDDEN = "[hidden]"
SHORTEST_SECRET = 8  # hiding every "test" in a log helps nobody

# C0 and C1 controls (tab apart), line and paragraph separators, and what reorders text on a screen.
_UNSAFE = re.compile(
    "[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]"
)
_NAMED_SECRET = re.compile(
    r"""(?ix)
    \b((?:[\w-]*(?:password|passwd|secret|api[_-]?key|secret[_-]?key|token|sessionid|csrf\w*|cookie))
    ["']?\s*[=:]\s*)
    (?:"[^"]*"|'[^']*'|[^\s,;&}\])]+)
    """
)
_AUTHORIZATION = re.compile(r"(?i)\b(bearer|basic|token)\s+[\w.~+/=-]{8,}")
_IN_A_URL = re.compile(r"(?<=://)([^/\s:@]*):[^/\s@]+@")
_SECRET_NAMES = re.compile(r"(?i)(SECRET|PASSWORD|TOKEN|KEY)$")
_KNOWN = frozenset(logging.LogRecord("", 0, "", 0, "", (), None).__dict__) | {"message", "asctime"}
_KNOWN |= {"taskName", "request", "request_id", "server_time", "status_code", "color_message"}


@cache
def _secrets_of_this_process() -> tuple[str, ...]:
    """Values of environment variables whose names say that they are secret, longest first."""
    named = [value for name, value in os.environ.items() if _SECRET_NAMES.search(name)]
    return tuple(sorted((v for v in named if len(v) >= SHORTEST_SECRET), key=len, reverse=True))


def redact(text: str) -> str:
    """Hide what looks like a secret, by its name or by its value."""
    for secret in _secrets_of_this_process():
        text = text.replace(secret, HIDDEN)
    text = _IN_A_URL.sub(rf"\1:{HIDDEN}@", text)
    text = _AUTHORIZATION.sub(rf"\1 {HIDDEN}", text)
    return _NAMED_SECRET.sub(rf"\1{HIDDEN}", text)


def escape(text: str) -> str:
    """Write control and reordering characters as \\n, \\x1b or \\u202e."""
    return _UNSAFE.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def _request_id(record: logging.LogRecord) -> str:
    given = getattr(record, "request_id", "")
    if given:
        return str(given)
    from webapp.request_context import current_request

    try:
        context = current_request()
    except Exception:  # a log line must never raise
        return ""
    return context.request_id if context else ""


def _extras(record: logging.LogRecord) -> dict[str, Any]:
    """What the caller gave as extra={...}."""
    return {key: value for key, value in record.__dict__.items() if key not in _KNOWN}


class TextFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        when = datetime.fromtimestamp(record.created, UTC).strftime("%Y-%m-%d %H:%M:%S")
        line = f"{when} {record.levelname:<7} {record.name}: {record.getMessage()}"
        request_id = _request_id(record)
        if request_id:
            line += f" [{request_id}]"
        line = escape(redact(line))
        for text in _trace(record):
            line += f"\n    | {escape(redact(text))}"
        return line


class JSONFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        entry: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": escape(redact(record.getMessage())),
            "request_id": _request_id(record) or None,
            "process": record.process,
        }
        for key, value in _extras(record).items():
            plain = value is None or isinstance(value, bool | int | float)
            entry.setdefault(key, value if plain else escape(redact(str(value))))
        trace = _trace(record)
        if trace:
            entry["trace"] = [escape(redact(text)) for text in trace]
        return json.dumps(entry, ensure_ascii=False)


def _trace(record: logging.LogRecord) -> list[str]:
    if not record.exc_info or record.exc_info[0] is None:
        return []
    return "".join(traceback.format_exception(*record.exc_info)).rstrip().splitlines()


class WithoutTracesOfAnAbsentDatabase(logging.Filter):
    """A database that is away is one sentence per request, not forty lines of traceback."""

    def filter(self, record: logging.LogRecord) -> bool:
        from django.db import InterfaceError, OperationalError

        error = record.exc_info[1] if record.exc_info else None
        if isinstance(error, OperationalError | InterfaceError):
            record.msg = f"{record.getMessage()}: the database did not answer ({error})"
            record.args = None
            record.exc_info = None
        return True


def configuration(*, style: str, level: str) -> dict[str, Any]:
    """A logging configuration for every process: one handler, to the console."""
    formatter = JSONFormatter if style == "json" else TextFormatter
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"()": formatter}},
        "filters": {"database": {"()": WithoutTracesOfAnAbsentDatabase}},
        "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
        "root": {"handlers": ["console"], "level": "WARNING"},
        "loggers": {
            "rondo": {"level": level},
            "celery": {"level": "WARNING"},
            "django": {"handlers": [], "level": "WARNING", "propagate": True},
            "django.request": {"level": "ERROR", "filters": ["database"]},
            "django.server": {"handlers": [], "propagate": True},
            "gunicorn.error": {"handlers": ["console"], "level": level, "propagate": False},
        },
    }
