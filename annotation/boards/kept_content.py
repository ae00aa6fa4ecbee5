"""The newest figures of boards, kept parsed and as they were last shown.

A page then costs no megabyte of JSON and no table of a hundred models.

A report is replaced as a whole, so its key and the moment of its making name its content. Nobody
may change what this hands out.
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Any

from annotation.models import BoardReport

MOST = 8  # reports a process keeps; one of a hundred models takes some megabytes
MOST_BODIES = 32  # parts of pages; one of a hundred models takes some 200 kB
_kept: OrderedDict[tuple[int, float], dict[str, Any]] = OrderedDict()
_bodies: OrderedDict[Hashable, str] = OrderedDict()
_lock = Lock()


def content_of(report: BoardReport) -> dict[str, Any]:
    """report.content, read from the database only where this process has not read it yet."""
    key = (report.pk, report.computed_at.timestamp())
    with _lock:
        if key in _kept:
            _kept.move_to_end(key)
            return _kept[key]
    content: dict[str, Any] = report.content
    with _lock:
        for old in [other for other in _kept if other[0] == report.pk]:
            del _kept[old]
        _kept[key] = content
        while len(_kept) > MOST:
            _kept.popitem(last=False)
    return content


def kept_body(key: Hashable, make: Callable[[], str]) -> str:
    """What make() gives; asked again with an equal key, what it gave then.

    The key names everything that the text depends on, the moment of the figures among it.
    """
    with _lock:
        if key in _bodies:
            _bodies.move_to_end(key)
            return _bodies[key]
    body = make()
    with _lock:
        _bodies[key] = body
        while len(_bodies) > MOST_BODIES:
            _bodies.popitem(last=False)
    return body
