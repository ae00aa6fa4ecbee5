"""Answers for machines that watch Rondo, and the page for a database that is away."""

import hmac
import ipaddress
import logging
import sys

from django.conf import settings
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.loader import render_to_string
from prometheus_client import CONTENT_TYPE_LATEST

from webapp.health.metrics import exposition
from webapp.health.readiness import readiness
from webapp.workspaces.access import page

logger = logging.getLogger("rondo.health")
RETRY_SECONDS = "10"


@page(public=True)
def live(request: HttpRequest) -> HttpResponse:
    """This process answers. Asks nobody else, so that a restart is not the cure for a database."""
    return HttpResponse("alive\n", content_type="text/plain")


@page(public=True)
def ready(request: HttpRequest) -> HttpResponse:
    """503 while pages cannot be served; absent workers are told but do not keep pages away."""
    found = readiness()
    response = JsonResponse(found.as_dict(), status=200 if found.is_ready else 503)
    if not found.is_ready:
        response["Retry-After"] = RETRY_SECONDS
    return response


@page(public=True)
def metrics(request: HttpRequest) -> HttpResponse:
    """For whoever has METRICS_TOKEN; without one, for programs of this machine only."""
    if not _may_scrape(request):
        sentence = "Send METRICS_TOKEN as a bearer token (docs/operations.md, Monitoring).\n"
        return HttpResponse(sentence, status=403, content_type="text/plain")
    return HttpResponse(exposition(), content_type=CONTENT_TYPE_LATEST)


def _may_scrape(request: HttpRequest) -> bool:
    if settings.METRICS_TOKEN:
        given = request.headers.get("Authorization", "").removeprefix("Bearer ")
        return hmac.compare_digest(given.encode(), settings.METRICS_TOKEN.encode())
    if settings.BEHIND_PROXY or "X-Forwarded-For" in request.headers:
        return False  # everybody's address is the proxy's
    try:
        return ipaddress.ip_address(request.META.get("REMOTE_ADDR", "")).is_loopback
    except ValueError:
        return False


def server_error(request: HttpRequest) -> HttpResponse:
    """503 when the database is away or overloaded, else 500. No template here asks the database."""
    away = isinstance(sys.exc_info()[1], OperationalError | InterfaceError)
    status, title = (503, "Service Unavailable") if away else (500, "Internal Server Error")
    if request.path.startswith("/api/"):
        body = {"type": "about:blank", "title": title, "status": status}
        body["detail"] = (
            f"The database does not answer. Try again in {RETRY_SECONDS} s."
            if away
            else "This is an error in Rondo. It has been logged."
        )
        response: HttpResponse = JsonResponse(
            body, status=status, content_type="application/problem+json"
        )
    else:
        response = HttpResponse(render_to_string(f"{status}.html"), status=status)
    if away:
        response["Retry-After"] = RETRY_SECONDS
    return response
