"""The content security policy of every answer, put together once instead of each time."""

import functools
from typing import Any

from csp.constants import HEADER
from csp.middleware import CSPMiddleware
from csp.utils import build_policy
from django.conf import settings
from django.core.signals import setting_changed
from django.http import HttpRequest
from django.http.response import HttpResponseBase

# What a view may have said about its own answer, by the decorators of django-csp.
OWN = [
    f"_csp_{said}{kind}"
    for said in ("config", "update", "replace", "exempt")
    for kind in ("", "_ro")
]


@functools.cache
def usual_policy() -> str:
    return str(build_policy())


def _forget(*, setting: str, **_more: Any) -> None:
    if setting == "CONTENT_SECURITY_POLICY":
        usual_policy.cache_clear()


setting_changed.connect(_forget)  # sent by tests only


class ContentPolicyMiddleware(CSPMiddleware):
    """django-csp's, but for the usual answer: no nonce, and nothing said about it by its view."""

    def process_response(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        special = getattr(request, "_csp_nonce", None) or any(
            hasattr(response, name) for name in OWN
        )
        if special or settings.DEBUG or hasattr(settings, "CONTENT_SECURITY_POLICY_REPORT_ONLY"):
            return super().process_response(request, response)
        response.setdefault(HEADER, usual_policy())
        return response
