"""A program's request goes past what is made for browsers.

With an Authorization header an endpoint judges by it alone (webapp.api.authentication): no session
is read, no form token is asked for, no message waits for the next page. The middleware below would
do nothing for it but take a third of its time.
"""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import resolve

ENDPOINTS = "/api/v1/"


class ProgramMiddleware:
    """It stands before everything that a browser's request needs, and after all that guards the
    server and writes the headers of its answers."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        authorization = request.META.get("HTTP_AUTHORIZATION", "").strip()
        if not authorization or not request.path_info.startswith(ENDPOINTS):
            return self.get_response(request)
        match = request.resolver_match = resolve(request.path_info)
        answer: Any = match.func(request, *match.args, **match.kwargs)
        return answer.render() if callable(getattr(answer, "render", None)) else answer
