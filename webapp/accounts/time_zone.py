"""Times are shown in the zone that a person chose."""

import zoneinfo
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.utils import timezone


class TimeZoneMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        chosen = "UTC"
        if request.session.session_key and request.user.is_authenticated:
            chosen = request.user.time_zone
        with timezone.override(zoneinfo.ZoneInfo(chosen)):
            return self.get_response(request)
