"""The request being served, for logs, audit entries and the jobs that it causes."""

import contextlib
import contextvars
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from django.conf import settings
from django.http import HttpRequest, HttpResponse


@dataclass(frozen=True)
class RequestContext:
    request_id: str
    ip: str | None


_current: contextvars.ContextVar[RequestContext | None] = contextvars.ContextVar(
    "rondo_request", default=None
)


def current_request() -> RequestContext | None:
    return _current.get()


@contextlib.contextmanager
def on_behalf_of(request_id: str) -> Iterator[None]:
    """Work outside a request, done for one: logs and audit entries carry the id of the cause."""
    token = _current.set(RequestContext(request_id=request_id, ip=None))
    try:
        yield
    finally:
        _current.reset(token)


def client_ip(request: HttpRequest) -> str | None:
    """The peer's address; behind a declared proxy, the last hop of X-Forwarded-For."""
    forwarded = request.META.get("HTTP_X_FORWARDED_FOR", "")
    if settings.BEHIND_PROXY and forwarded:
        return str(forwarded).rsplit(",", 1)[-1].strip()
    return request.META.get("REMOTE_ADDR") or None


class RequestContextMiddleware:
    """Give each request an id, answer with it, and make both available below the view."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        context = RequestContext(request_id=str(uuid.uuid4()), ip=client_ip(request))
        token = _current.set(context)
        try:
            response = self.get_response(request)
            response["X-Request-ID"] = context.request_id
            return response
        finally:
            _current.reset(token)
