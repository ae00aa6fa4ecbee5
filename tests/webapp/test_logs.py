import json
import logging
import sys

import pytest
from django.db import OperationalError

from webapp.logs import JSONFormatter, TextFormatter, WithoutTracesOfAnAbsentDatabase, redact


def record(message: str, *arguments: object, **extra: object) -> logging.LogRecord:
    made = logging.LogRecord("rondo.test", logging.INFO, "", 1, message, arguments, None)
    made.__dict__.update(extra)
    return made


@pytest.mark.parametrize(
    "text",
    ["a\r\n2026-01-01 ERROR forged", "\x1b[2Jcleared", "a\u202eb", "a\u2028b", "\x00", "\x9b31m"],
)
def test_no_text_can_pretend_to_be_another_line(text: str) -> None:
    for formatter in (TextFormatter(), JSONFormatter()):
        line = formatter.format(record("%s wrote", text))
        assert len(line.splitlines()) == 1
        assert not any(ord(character) < 32 for character in line)
        assert "\u202e" not in line
        assert "\x9b" not in line


@pytest.mark.parametrize(
    "text",
    [
        "password=hunter2hunter2",
        'api_key: "hunter2hunter2"',
        "Authorization: Bearer hunter2hunter2",
        "postgresql://rondo:hunter2hunter2@db/rondo",
        "{'client_secret': 'hunter2hunter2'}",
        "Cookie=hunter2hunter2; x",
    ],
)
def test_what_looks_like_a_secret_is_hidden(text: str) -> None:
    assert "hunter2" not in redact(text)
    assert "[hidden]" in redact(text)


def test_ordinary_words_stay() -> None:
    for text in ("12 tokens per second", "GET /account/password/reset/ 200", "key 7 of 9"):
        assert redact(text) == text


def test_a_line_carries_the_request_that_caused_it() -> None:
    made = record("job %s done", 7, request_id="abc", job=7)
    assert TextFormatter().format(made).endswith("rondo.test: job 7 done [abc]")
    entry = json.loads(JSONFormatter().format(made))
    assert (entry["message"], entry["request_id"], entry["job"]) == ("job 7 done", "abc", 7)


def test_a_traceback_stands_below_its_line_and_cannot_forge_one() -> None:
    made = record("failed")
    try:
        raise ValueError("bad\n2026-01-01 ERROR forged password=hunter2hunter2")
    except ValueError:
        made.exc_info = sys.exc_info()
    first, *rest = TextFormatter().format(made).splitlines()
    assert first.endswith("failed")
    assert rest
    assert all(line.startswith("    | ") for line in rest)
    assert "hunter2" not in TextFormatter().format(made)
    assert "hunter2" not in JSONFormatter().format(made)


def test_an_absent_database_is_one_sentence() -> None:
    made = record("Service Unavailable: %s", "/")
    try:
        raise OperationalError("connection refused")
    except OperationalError:
        made.exc_info = sys.exc_info()
    assert WithoutTracesOfAnAbsentDatabase().filter(made)
    line = TextFormatter().format(made)
    assert "the database did not answer (connection refused)" in line
    assert len(line.splitlines()) == 1
