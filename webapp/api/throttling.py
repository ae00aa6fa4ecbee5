"""How many requests a minute one token, or one person's browser, may make.

The count is kept in PostgreSQL, for all processes together. A process fetches a small block of
requests at a time, a twentieth of the minute's, and hands them out by itself: the count costs one
statement in twenty requests and more, not one in each. What a process has fetched and does not
use is lost to the others until the minute ends; nobody gets more than the limit.
"""

import threading
import time
from typing import Any

from django.conf import settings
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from webapp.accounts.throttle import Limit
from webapp.api.authentication import token_in

SECONDS = 60
MOST_KEPT = 10_000  # callers; beyond it the blocks that are over are thrown away

_blocks: dict[str, tuple[int, float]] = {}  # who: requests left, and until when (monotonic)
_lock = threading.Lock()


def from_block(who: str) -> bool:
    """Count one request of `who` if this process has some left to give; else it is to be asked."""
    with _lock:
        left, until = _blocks.get(who, (0, 0.0))
        if left <= 0 or until <= time.monotonic():
            return False
        _blocks[who] = (left - 1, until)
        return True


def _keep(who: str, left: int, until: float) -> None:
    now = time.monotonic()
    with _lock:
        if len(_blocks) > MOST_KEPT:
            for name in [name for name, (_left, end) in _blocks.items() if end <= now]:
                del _blocks[name]
        before, end = _blocks.get(who, (0, 0.0))
        _blocks[who] = (left + (before if end > now else 0), until)


class RequestsPerMinute(BaseThrottle):
    def __init__(self) -> None:
        self._wait = 0.0

    def allow_request(self, request: Request, view: Any) -> bool:
        token = token_in(request)
        who = f"token {token.pk}" if token else f"user {request.user.pk}"
        if from_block(who):
            return True
        allowed = settings.API_REQUESTS_PER_MINUTE
        limit = Limit("API requests", allowed=allowed, seconds=SECONDS)
        granted, left = limit.take_several(who, max(1, allowed // 20))
        if granted:
            _keep(who, granted - 1, time.monotonic() + left)
            return True
        self._wait = max(1.0, left)
        return False

    def wait(self) -> float:
        return self._wait
