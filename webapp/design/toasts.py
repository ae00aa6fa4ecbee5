"""A short message after an act: through Django's messages on a page, by a header on a fragment."""

import json

from django.contrib import messages
from django.http import HttpRequest, HttpResponse

LEVELS = {"info": messages.INFO, "good": messages.SUCCESS, "bad": messages.ERROR}


def toast(response: HttpResponse, text: str, level: str = "good") -> HttpResponse:
    """Have the page that asked for this fragment show `text`. Returns the same response."""
    if level not in LEVELS:
        raise ValueError(f"level is {level!r}; allowed: {', '.join(LEVELS)}")
    events = json.loads(response.get("HX-Trigger") or "{}")
    # ASCII only: a header holds nothing else.
    response["HX-Trigger"] = json.dumps({**events, "toast": {"level": level, "text": str(text)}})
    return response


def say(
    request: HttpRequest, response: HttpResponse, text: str, level: str = "good"
) -> HttpResponse:
    """Say `text` once, whichever way the request can hear it."""
    if request.headers.get("HX-Request"):
        return toast(response, text, level)
    messages.add_message(request, LEVELS[level], text)
    return response
