"""G4, G5, G6: whatever is written to an address is taken or refused with a sentence, never a 500.

Every address that writes gets its own valid body with values that no honest client sends. What is
refused leaves no row behind.
"""

import json
import logging
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.core.files.uploadedfile import UploadedFile
from django.db import connection
from django.http import Http404

from annotation.models import SavedView
from annotation.views import prompts
from tests.access.world import World
from tests.permissions_matrix import Row, request_of, rows

pytestmark = [pytest.mark.heavy, pytest.mark.django_db]

HUGE = "9" * 400
VALUES: dict[str, Any] = {
    "a NUL byte": "a\0b",
    "a lone surrogate": "a\ud800b",
    "a huge number": HUGE,
    "no number": "NaN",
    "a number above 64 bits": "9223372036854775808",
    "a negative number": "-1",
    "a very long text": "word " * 60_000,
    "only white space": " \t\u2028",
    "marks without width": "\u200b\u202e\ufeff",
}
JSON_VALUES: dict[str, Any] = {
    "a NUL byte": "a\0b",
    "a lone surrogate": "a\ud800b",
    "a whole number above 64 bits": 2**63,
    "a float": 1e308,
    "a negative number": -1,
    "null": None,
    "a boolean": True,
    "a very long text": "word " * 60_000,
    "an object": {"a": {"b": []}},
    "a list": [None, {"role": 1, "content": ["a\0"]}],
    "a list of NUL bytes": ["a\0"],
}
PARTS = 6  # of the whole run, so that one that fails says so early
FEW = 1  # bodies for each address in the quick run
# Also one field at a time, so that what the first refuses does not hide the others.
ALONE = {"a NUL byte", "a huge number", "a whole number above 64 bits", "an object"}
# Sent as they are: no client library would write them.
RAW: dict[str, bytes] = {
    "nothing": b"",
    "half an object": b'{"name": "a',
    "a bad encoding": b'{"name": "\xff\xfe"}',
    "a number alone": b"5",
    "a list": b"[[]]",
    "not finite": b'{"name": NaN, "id": Infinity, "ids": -Infinity}',
    "a deep list": b'{"filter": ' + b"[" * 20_000 + b"]" * 20_000 + b"}",
    "a deep object": b'{"a":' * 5_000 + b"1" + b"}" * 5_000,
    "a number of a million digits": b'{"id": ' + b"9" * 1_000_000 + b"}",
    "one name twice": b'{"name": "a", "name": ["b"]}',
}
RAW_FORMS: dict[str, bytes] = {
    "bytes that are no text": b"name=%FF%FE&name=%ED%A0%80&\xff\xfe=%00",
    "no form": b"\0\1\2",
    "half a part": b'--x\r\nContent-Disposition: form-data; name="name"\r\n\r\nhalf',
}
# Signing in and out belongs to the library, which has its own tests and its own limits of tries.
LIBRARY = re.compile(r"^(account_(?!token|profile)|mfa_|socialaccount|openid|usersessions)")


@pytest.fixture(autouse=True)
def no_log() -> Iterator[None]:
    """Each kept record would hold its request, and with it a body of 300 kB."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def writers() -> list[Row]:
    return [row for row in rows() if row.method != "GET" and not LIBRARY.match(row.route)]


def bodies(world: World, row: Row) -> Iterator[tuple[str, dict[str, Any]]]:
    """What is wrong, and the options of the request that says so."""
    with world.without_trace("manager"):
        address, data = request_of(row, world)
    valid = data or {}
    if address.startswith("/api/") and not _files(valid):
        for what, value in JSON_VALUES.items():
            yield f"{what} everywhere", _json({name: value for name in valid} or {"name": value})
            for name in valid if len(valid) > 1 and what in ALONE else ():
                yield f"{what} as {name}", _json({**valid, name: value})
        for what, body in RAW.items():
            yield what, {"data": body, "content_type": "application/json"}
        yield "a form", {"data": b"a=b", "content_type": "application/x-www-form-urlencoded"}
        return
    texts = [name for name in valid if name not in _files(valid)]
    for what, value in VALUES.items():
        yield f"{what} everywhere", {"data": {**valid, **dict.fromkeys(texts, value)}}
        for name in texts if len(texts) > 1 and what in ALONE else ():
            yield f"{what} as {name}", {"data": {**valid, name: value}}
    for name in texts:
        yield f"{name} many times", {"data": {**valid, name: ["a", "1", "-1", HUGE]}}
    for what, body in RAW_FORMS.items():
        kind = "multipart/form-data; boundary=x" if b"--x" in body else FORM
        yield what, {"data": body, "content_type": kind}
    yield "nothing", {"data": {}}


FORM = "application/x-www-form-urlencoded"


def _json(value: Any) -> dict[str, Any]:
    return {"data": json.dumps(value).encode(), "content_type": "application/json"}


def _files(data: dict[str, Any]) -> list[str]:
    return [name for name, value in data.items() if isinstance(value, UploadedFile)]


def _encoded(value: Any) -> Any:
    """As a browser with a broken page would send it: lone surrogates as their three bytes."""
    if isinstance(value, str):
        return value.encode("utf-8", "surrogatepass")
    if isinstance(value, list):
        return [_encoded(each) for each in value]
    return value


def send(world: World, row: Row, options: dict[str, Any]) -> str:
    """What went wrong with one request; "" when nothing did."""
    with world.without_trace("manager"):
        address, _data = request_of(row, world)
        data = options["data"]
        if isinstance(data, dict):
            options = {"data": {name: _encoded(value) for name, value in data.items()}}
        for value in options["data"].values() if isinstance(options["data"], dict) else ():
            if isinstance(value, UploadedFile):
                value.seek(0)
        method = getattr(world.clients["manager"], row.method.lower())
        changes = Changes()
        with connection.execute_wrapper(changes):
            try:
                answer = method(address, **options)
            except Exception as error:
                return f"{type(error).__name__}: {str(error)[:150]}"
        if answer.status_code >= 500:
            return f"{answer.status_code}"
        if answer.status_code >= 400 and (kept := changes.kept()):
            return f"refused with {answer.status_code}, but kept {kept}"
    return ""


_WRITES = re.compile(
    r'^(?:INSERT INTO|UPDATE|DELETE FROM) "((?:annotation|training|workspaces)_\w+)'
)


class Changes:
    """Tables in which the statements of one request changed rows, less what was rolled back."""

    def __init__(self) -> None:
        self._points: list[tuple[str, set[str]]] = [("", set())]

    def __call__(
        self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any
    ) -> Any:
        done = execute(sql, params, many, context)
        points = self._points
        if sql.startswith("SAVEPOINT"):
            points.append((sql.split('"')[1], set()))
        elif sql.startswith("ROLLBACK TO SAVEPOINT"):
            while points[-1][0] not in ("", sql.split('"')[1]):
                points.pop()
            points[-1][1].clear()
        elif sql.startswith("RELEASE SAVEPOINT") and len(points) > 1:
            written = points.pop()[1]
            points[-1][1].update(written)
        elif (found := _WRITES.match(sql)) and context["cursor"].rowcount:
            points[-1][1].add(found[1])
        return done

    def kept(self) -> set[str]:
        return set().union(*(tables for _name, tables in self._points))


def some(number: int, asked: list[Any]) -> list[Any]:
    """Another few for each address, so that the addresses together see every kind."""
    return [asked[at % len(asked)] for at in range(number * FEW, (number + 1) * FEW)]


def wrong(world: World, wanted: list[Row], *, every: bool) -> list[str]:
    found = []
    for number, row in enumerate(wanted):
        asked = list(bodies(world, row))
        for what, options in asked if every else some(number, asked):
            if problem := send(world, row, options):
                found.append(f"{row.method} {row.route}, {what}: {problem}")
    return found


def test_bad_input_is_refused_and_leaves_nothing_behind(world: World) -> None:
    found = wrong(world, writers(), every=False)
    assert not found, "\n".join(found)


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
def test_every_kind_of_bad_input_at_every_address(world: World, part: int) -> None:
    found = wrong(world, writers()[part::PARTS], every=True)
    assert not found, "\n".join(found)


def test_control_a_view_that_falls_over_and_one_that_keeps_what_it_refused_are_reported(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    (row,) = (each for each in rows() if each.route == "annotation:view_save")
    options = {"data": dict(request_of(row, world)[1] or {})}
    assert send(world, row, options) == ""

    def fall_over(**given: Any) -> None:
        raise OverflowError("a number too large")

    def keep_and_refuse(*, workspace: Any, by: Any, **given: Any) -> None:
        SavedView.objects.create(workspace=workspace, owner=by, name="half")
        raise Http404

    monkeypatch.setattr(prompts, "save_view", fall_over)
    assert "OverflowError" in send(world, row, options)
    monkeypatch.setattr(prompts, "save_view", keep_and_refuse)
    assert "annotation_savedview" in send(world, row, options)
