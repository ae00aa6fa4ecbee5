"""How many requests a minute one token, or one person's browser, may make."""

from typing import Any

from django.conf import settings
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from webapp.accounts.throttle import Limit
from webapp.api.authentication import token_in


class RequestsPerMinute(BaseThrottle):
    def __init__(self) -> None:
        self._wait = 0

    def allow_request(self, request: Request, view: Any) -> bool:
        token = token_in(request)
        who = f"token {token.pk}" if token else f"user {request.user.pk}"
        limit = Limit("API requests", allowed=settings.API_REQUESTS_PER_MINUTE, seconds=60)
        self._wait = limit.take(who)
        return self._wait == 0

    def wait(self) -> float:
        return self._wait
