"""How long a session lives, and when it was last used.

The limits are checked on the server: a copied cookie does not outlive them.
"""

import time
from collections.abc import Callable

from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _

BEGAN, SEEN = "session_began", "session_seen"
EXACT_TO = 60  # seconds: one write a minute, not one a request


class SessionLimitsMiddleware:
    """End a session 12 hours after its login, and a site admin's after 2 hours of silence."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.session.session_key and request.user.is_authenticated:
            self._check(request)
        return self.get_response(request)

    def _check(self, request: HttpRequest) -> None:
        now = time.time()
        began = request.session.setdefault(BEGAN, now)
        seen = request.session.get(SEEN, now)
        idle = settings.ADMIN_IDLE_SECONDS if request.user.is_site_admin else None  # type: ignore[union-attr]
        if now - began > settings.SESSION_SECONDS or (idle and now - seen > idle):
            logout(request)
            messages.info(request, _("Your session has ended. Please log in again."))
        elif SEEN not in request.session or now - seen > EXACT_TO:
            request.session[SEEN] = now
            listed = UserSession.objects.filter(session_key=request.session.session_key)
            if not listed.update(last_seen_at=timezone.now()):
                UserSession.objects.create_from_request(request)
