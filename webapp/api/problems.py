"""Errors as problem details (RFC 9457): application/problem+json with a sentence for a person."""

import logging
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.utils.translation import gettext as _
from rest_framework import exceptions
from rest_framework.views import set_rollback

from webapp.request_context import current_request
from webapp.workspaces.access import page

log = logging.getLogger("django.request")
TYPES = "/api/docs/#problem-"  # the page explains each


def problem(
    status: int,
    detail: str,
    *,
    errors: list[dict[str, str]] | None = None,
    headers: dict[str, str] | None = None,
) -> HttpResponse:
    request = current_request()
    body: dict[str, Any] = {
        "type": f"{TYPES}{status}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "request_id": request.request_id if request else "",
    }
    if errors:
        body["errors"] = errors
    return JsonResponse(
        body, status=status, content_type="application/problem+json", headers=headers or {}
    )


def problem_response(error: Exception, context: dict[str, Any]) -> HttpResponse:
    """What DRF calls for every exception in an endpoint."""
    set_rollback()
    if isinstance(error, Http404):
        return problem(404, str(error) or _("There is nothing here."))
    if isinstance(error, PermissionDenied):
        return problem(403, str(error) or _("You may not do this."))
    if isinstance(error, ValidationError):
        return _invalid(list(_sentences_of(error)))
    if isinstance(error, exceptions.ValidationError):
        return _invalid(list(_leaves(error.detail, "")))
    if isinstance(error, exceptions.APIException):
        return problem(error.status_code, str(error.detail), headers=_headers(error))
    request = context["request"]
    log.error("Internal error: %s %s", request.method, request.path, exc_info=error)
    return problem(500, _("Something went wrong here. The log has it under this request id."))


def _invalid(errors: list[dict[str, str]]) -> HttpResponse:
    detail = "; ".join(
        f"{each['path']}: {each['message']}" if each["path"] else each["message"] for each in errors
    )
    return problem(400, detail, errors=errors)


def _headers(error: exceptions.APIException) -> dict[str, str]:
    headers = {}
    if wait := getattr(error, "wait", None):
        headers["Retry-After"] = str(int(wait))
    if challenge := getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = challenge
    return headers


def _sentences_of(error: ValidationError) -> Iterator[dict[str, str]]:
    if hasattr(error, "error_dict"):
        for field, messages in error.message_dict.items():
            for message in messages:
                yield {"path": "" if field == "__all__" else field, "message": str(message)}
    else:
        for message in error.messages:
            yield {"path": "", "message": str(message)}


def _leaves(detail: Any, path: str) -> Iterator[dict[str, str]]:
    if isinstance(detail, dict):
        for key, value in detail.items():
            below = "" if key == "non_field_errors" else str(key)
            yield from _leaves(value, ".".join(filter(None, [path, below])))
    elif isinstance(detail, list):
        for number, value in enumerate(detail):
            nested = isinstance(value, dict | list)
            yield from _leaves(value, f"{path}.{number}" if nested else path)
    else:
        yield {"path": path, "message": str(detail)}


@page(methods=("GET", "POST", "PUT", "PATCH", "DELETE"), public=True)
def nothing_here(request: HttpRequest, rest: str = "") -> HttpResponse:
    """An address below /api/ that leads nowhere: a program gets JSON, not a page."""
    sentence = _("There is no %(path)s. The endpoints are listed in /api/docs/.")
    return problem(404, sentence % {"path": request.path})
