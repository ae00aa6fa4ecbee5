"""One line in the log and one observation in the metrics for each request."""

import logging
import time
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import Resolver404, resolve

from webapp.health import metrics

logger = logging.getLogger("rondo.requests")
QUIET = ("/health/", "/metrics")
PLAIN_KEYS = {"slug", "pk", "id"}  # parts of an address that may be logged; others may be secrets


class RequestLogMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        began = time.perf_counter()
        response = self.get_response(request)
        seconds = time.perf_counter() - began
        if request.path.startswith((settings.STATIC_URL, *QUIET)):
            return response
        match = request.resolver_match
        view = (match.view_name or match.route) if match else "-"
        metrics.observe(view, request.method or "", response.status_code, seconds)
        logger.info(
            "%s %s %s in %.0f ms",
            request.method,
            address_without_secrets(request),
            response.status_code,
            seconds * 1000,
            extra={
                "event": "request",
                "method": request.method,
                "view": view,
                "status": response.status_code,
                "ms": round(seconds * 1000, 1),
            },
        )
        return response


def address_without_secrets(request: HttpRequest) -> str:
    """The path without its query; a part that may be a token (invitation, reset) is "…"."""
    try:  # a request that a middleware answered has no match yet
        match = request.resolver_match or resolve(request.path_info)
    except Resolver404:
        return "(no such page)"
    path = request.path
    for key, value in match.kwargs.items():
        if key not in PLAIN_KEYS and isinstance(value, str) and value:
            path = path.replace(value, "…")
    return path[:200]
