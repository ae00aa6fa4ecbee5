from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _

from webapp.design.examples import example_context
from webapp.design.toasts import say
from webapp.navigation import THEME_COOKIE, THEMES
from webapp.workspaces.access import page

YEAR = 365 * 24 * 3600


@page(methods=("POST",), public=True)
def theme(request: HttpRequest) -> HttpResponse:
    """Keep the chosen colours in a cookie (no script needed) and go back to the page."""
    chosen = request.POST.get("theme")
    back = request.POST.get("next", "/")
    if not url_has_allowed_host_and_scheme(back, allowed_hosts=None):
        back = "/"
    response = HttpResponseRedirect(back)  # redirect() would take a bare word for a view's name
    if chosen in THEMES:
        # script reads it too, so that the switch works without a new page
        response.set_cookie(
            THEME_COOKIE, chosen, max_age=YEAR, secure=settings.SECURE, samesite="Lax"
        )
    else:
        response.delete_cookie(THEME_COOKIE, samesite="Lax")
    return response


@page(methods=("GET", "POST"), public=True)
def design(request: HttpRequest) -> HttpResponse:
    """Every element, in the theme of the cookie, with the snippet that makes it."""
    if not settings.DEBUG:
        raise Http404(_("This page is for development only."))
    if request.method == "POST":
        return _toast_example(request)
    if "confirm" in request.GET:
        return render(request, "elements/confirm.html", CONFIRMATION)
    return render(request, "design/design.html", example_context(request))


CONFIRMATION = {
    "question": "Delete the campaign “Helpfulness, round 3”?",
    "sentence": "This cannot be undone.",
    "takes": ["3,418 votes of 12 annotators", "2 exports made from it"],
    "submit": "Delete the campaign",
    "cancel": "/design#about-dialogs",
}


def _toast_example(request: HttpRequest) -> HttpResponse:
    chosen = request.POST.get("toast")
    if chosen == "gone":
        return HttpResponse(status=503)
    text, level = ("Saved.", "good") if chosen == "good" else ("That name is taken.", "bad")
    fragment = request.headers.get("HX-Request")
    response = HttpResponse(status=204) if fragment else redirect("design")
    return say(request, response, text, level)
