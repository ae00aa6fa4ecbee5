"""The page behind an invitation's link. Whoever holds the link may see who invites whom to what."""

from allauth.account.internal.flows.login import record_authentication
from django.contrib import messages
from django.contrib.auth import login
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache

from webapp.accounts.models import User
from webapp.workspaces.access import page, person_of
from webapp.workspaces.actions.accept_invitation import (
    accept_invitation,
    invitation_of,
    join_by_invitation,
)
from webapp.workspaces.forms import JoinForm
from webapp.workspaces.models import Invitation


@never_cache
@page(methods=("GET", "POST"), public=True)
def invitation(request: HttpRequest, secret: str) -> HttpResponse:
    """Accept as the person who is logged in, log in first, or make the account."""
    found = invitation_of(secret)
    if found is None:
        return render(request, "workspaces/invitation_gone.html", status=404)
    form = JoinForm(found.email, request.POST if request.method == "POST" else None)
    known = User.objects.filter(email=found.email).exists()
    mine = request.user.is_authenticated and request.user.email == found.email
    if request.method == "POST":
        try:
            if request.user.is_authenticated:
                accept_invitation(invitation=found, user=person_of(request))
                return _welcome(request, found)
            if not known and form.is_valid():
                user, _membership = join_by_invitation(
                    invitation=found,
                    name=form.cleaned_data["name"],
                    password=form.cleaned_data["password"],
                )
                _log_in(request, user)
                return _welcome(request, found)
        except ValidationError as error:
            form.add_error(None, error)
    context = {"invitation": found, "form": form, "known": known, "mine": mine}
    return render(request, "workspaces/invitation.html", context)


def _log_in(request: HttpRequest, user: User) -> None:
    login(request, user, backend="allauth.account.auth_backends.AuthenticationBackend")
    record_authentication(request, user, method="password", email=user.email)


def _welcome(request: HttpRequest, found: Invitation) -> HttpResponse:
    messages.success(request, _("Welcome to %(workspace)s.") % {"workspace": found.workspace})
    return redirect("workspace_home", found.workspace.slug)
