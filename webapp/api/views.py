"""The pages about the API: one's tokens, the schema and what it says in words."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from drf_spectacular.generators import SchemaGenerator

from webapp.api.actions.token import create_token, revoke_token
from webapp.api.authentication import token_of
from webapp.api.forms import TokenForm
from webapp.api.models import ApiToken
from webapp.api.schema import REFUSALS, operations
from webapp.workspaces.access import ask_for_login, page, person_of


@never_cache
@page(methods=("GET", "POST"))
def tokens(request: HttpRequest) -> HttpResponse:
    """The list, and the form to make one; only the answer to the form shows the new token."""
    form = TokenForm(request.user, request.POST if request.method == "POST" else None)
    made = None
    if request.method == "POST" and form.is_valid():
        try:
            _row, made = create_token(user=person_of(request), **form.cleaned_data)
        except ValidationError as error:
            form.add_error(None, error)
        else:
            form = TokenForm(request.user)
    own = ApiToken.objects.filter(user=person_of(request)).select_related("workspace")
    return render(request, "api/tokens.html", {"form": form, "tokens": own, "made": made})


@page(methods=("GET", "POST"))
def revoke(request: HttpRequest, token: int) -> HttpResponse:
    found = get_object_or_404(ApiToken.objects.filter(user=person_of(request)), pk=token)
    if request.method == "POST":
        try:
            revoke_token(token=found, by=person_of(request))
            messages.success(request, _("The token %(name)s is revoked.") % {"name": found.name})
        except ValidationError as error:
            messages.error(request, " ".join(error.messages))
        return redirect("account_tokens")
    context = {
        "question": _("Revoke the token %(name)s?") % {"name": found.name},
        "sentence": _("Programs that use it are refused from the next request on."),
        "submit": _("Revoke it"),
        "cancel": reverse("account_tokens"),
    }
    return render(request, "elements/confirm.html", context)


def _schema() -> dict[str, Any]:
    schema: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)
    return schema


@page(methods=("GET",), public=True)
def api_schema(request: HttpRequest) -> HttpResponse:
    """The OpenAPI document, for people who are logged in and for programs with a token."""
    kind, _space, text = request.headers.get("Authorization", "").partition(" ")
    token = token_of(text.strip()) if kind.lower() == "bearer" else None
    if token is None and not request.user.is_authenticated:
        return ask_for_login(request) if not text else JsonResponse({}, status=401)
    response = JsonResponse(_schema(), content_type="application/vnd.oai.openapi+json")
    response["Content-Disposition"] = 'inline; filename="rondo-openapi.json"'
    return response


@page(methods=("GET",))
def api_docs(request: HttpRequest) -> HttpResponse:
    schema = _schema()
    refusals = [{"status": status, "text": text} for status, text in REFUSALS.items()]
    context = {
        "groups": operations(schema),
        "refusals": refusals,
        "base": settings.PUBLIC_URL.geturl().rstrip("/"),
    }
    return render(request, "api/docs.html", context)
