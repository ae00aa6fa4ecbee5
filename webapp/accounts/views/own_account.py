"""What a person sees and changes of the own account, beside allauth's pages."""

from allauth.usersessions.models import UserSession
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from webapp.accounts.actions.change_profile import (
    change_profile,
    end_other_sessions,
    end_own_session,
)
from webapp.accounts.forms import ProfileForm, time_zones
from webapp.workspaces.access import page, person_of


@page(methods=("GET", "POST"))
def profile(request: HttpRequest) -> HttpResponse:
    person = person_of(request)
    start = {"name": person.name, "time_zone": person.time_zone}
    form = ProfileForm(request.POST if request.method == "POST" else None, initial=start)
    if request.method == "POST" and form.is_valid():
        try:
            change_profile(person=person, **form.cleaned_data)
        except ValidationError as error:
            form.add_error(None, error)
        else:
            messages.success(request, _("Saved."))
            return redirect("account_profile")
    return render(request, "accounts/profile.html", {"form": form, "zones": time_zones()})


@page(methods=("GET", "POST"))
def sessions(request: HttpRequest) -> HttpResponse:
    """Where this person is logged in. POST with `session` ends one, with `others` all but this."""
    own = UserSession.objects.filter(user=person_of(request))
    here = request.session.session_key or ""
    if request.method == "POST":
        if "others" in request.POST:
            ended = end_other_sessions(person=person_of(request), current_key=here)
            sentence = ngettext("%(n)d session ended.", "%(n)d sessions ended.", ended)
            messages.success(request, sentence % {"n": ended})
        else:
            number = request.POST.get("session", "")
            wanted = own.exclude(session_key=here)
            session = get_object_or_404(wanted, pk=number if number.isdecimal() else 0)
            end_own_session(person=person_of(request), session=session)
            messages.success(request, _("That session has ended."))
        return redirect("usersessions_list")
    listed = sorted(own.order_by("-last_seen_at"), key=lambda each: each.session_key != here)
    return render(request, "accounts/sessions.html", {"sessions": listed, "here": here})
