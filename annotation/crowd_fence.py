"""Who came by a crowd link opens the work of that campaign, and nothing else that there is."""

from collections.abc import Callable
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse

from annotation.actions.crowd import LIMIT

WORK = frozenset(
    f"annotation:{name}"
    for name in (
        "work",
        "work_next",
        "work_undo",
        "work_feedback",
        "work_submit",
        "work_skip",
        "work_draft",
        "work_nearness",
    )
)
ANYWHERE = frozenset({"crowd", "account_logout"})


class CrowdFenceMiddleware:
    """Everything that is not listed above does not exist for such an account (404): a page that is
    added tomorrow is closed to it without anybody's doing."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, _view: Any, _args: Any, kwargs: dict[str, Any]
    ) -> None:
        if not request.session.session_key:  # nobody: no reason to ask who
            return
        limited = getattr(request.user, "limited_to", "")
        match = request.resolver_match
        if not limited or match is None or match.view_name in ANYWHERE:
            return
        if match.view_name not in WORK or limited != LIMIT % kwargs.get("pk", 0):
            raise Http404
