"""A body that is larger than anything Rondo takes is refused before a byte of it is read."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext as _

from webapp.api.problems import problem

FORM_AROUND_A_FILE = 1_000_000  # bytes: boundaries and the other fields
Handler = Callable[[HttpRequest], HttpResponse]


class UploadLimitMiddleware:
    """413 by the Content-Length alone. It stands before what reads bodies: the CSRF check does."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        announced = request.META.get("CONTENT_LENGTH") or "0"
        most = settings.UPLOAD_MAX_BYTES + FORM_AROUND_A_FILE
        if not announced.isdigit() or int(announced) <= most:
            return self.get_response(request)
        sentence = _(
            "You sent %(sent)s; this installation takes at most %(most)s at once. Compress the "
            "file with gzip or zstd, split it, or let an operator raise UPLOAD_MAX_MB."
        ) % {
            "sent": filesizeformat(int(announced)),
            "most": filesizeformat(settings.UPLOAD_MAX_BYTES),
        }
        if request.path.startswith("/api/"):
            answer = problem(413, sentence)
        else:
            answer = render(request, "413.html", {"sentence": sentence}, status=413)
        answer["Connection"] = "close"  # what was not read must not pass for the next request
        return answer
