"""People, seen by a site admin."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from allauth.mfa.models import Authenticator
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache

from webapp.accounts.actions import administer_person as act
from webapp.accounts.actions.create_person import create_person
from webapp.accounts.forms import FindPersonForm, NewPersonForm
from webapp.accounts.models import User
from webapp.site.queries import people as find_people
from webapp.workspaces.access import page, person_of

A_PAGE = 50


@dataclass(frozen=True)
class Act:
    """One thing a site admin can do to a person, with the words that ask for it."""

    run: Callable[..., Any]
    label: Any
    sentence: Any
    done: Any
    danger: bool = False


ACTS = {
    "disable": Act(
        act.disable_person,
        gettext_lazy("Disable"),
        gettext_lazy("No login any more; sessions and tokens stop at once. What was done stays."),
        gettext_lazy("%(who)s is disabled."),
        danger=True,
    ),
    "enable": Act(
        act.enable_person,
        gettext_lazy("Enable"),
        gettext_lazy("The person can log in again; old sessions stay ended."),
        gettext_lazy("%(who)s can log in again."),
    ),
    "make-admin": Act(
        partial(act.set_site_admin, is_site_admin=True),
        gettext_lazy("Make site admin"),
        gettext_lazy("Site admins see every workspace and administer all people."),
        gettext_lazy("%(who)s is a site admin."),
        danger=True,
    ),
    "unmake-admin": Act(
        partial(act.set_site_admin, is_site_admin=False),
        gettext_lazy("Take site admin away"),
        gettext_lazy("The person keeps the own memberships."),
        gettext_lazy("%(who)s is no longer a site admin."),
    ),
    "allow-workspaces": Act(
        partial(act.set_may_create_workspaces, may=True),
        gettext_lazy("Allow creating workspaces"),
        gettext_lazy("The person becomes the manager of each workspace created."),
        gettext_lazy("%(who)s may create workspaces."),
    ),
    "forbid-workspaces": Act(
        partial(act.set_may_create_workspaces, may=False),
        gettext_lazy("Forbid creating workspaces"),
        gettext_lazy("Workspaces that exist stay."),
        gettext_lazy("%(who)s may no longer create workspaces."),
    ),
    "end-sessions": Act(
        act.end_all_sessions,
        gettext_lazy("End all sessions"),
        gettext_lazy("Every browser of this person is logged out at its next request."),
        gettext_lazy("All sessions of %(who)s have ended."),
    ),
    "remove-second-factor": Act(
        act.remove_second_factor,
        gettext_lazy("Remove second factor"),
        gettext_lazy("For somebody who lost phone and recovery codes. Be sure who asks."),
        gettext_lazy("%(who)s logs in with the password alone."),
        danger=True,
    ),
}


@page(site_admin=True)
def people(request: HttpRequest) -> HttpResponse:
    form = FindPersonForm(request.GET or None)
    narrowed = form.cleaned_data if form.is_valid() else {}
    shown = Paginator(find_people(**narrowed), A_PAGE).get_page(request.GET.get("page"))
    return render(request, "site/people.html", {"form": form, "shown": shown})


@never_cache
@page(methods=("GET", "POST"), site_admin=True)
def new_person(request: HttpRequest) -> HttpResponse:
    """An account without a password; the answer shows the link that sets one."""
    form = NewPersonForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            person, link = create_person(by=person_of(request), **form.cleaned_data)
        except ValidationError as error:
            form.add_error(None, error)
        else:
            return _person_page(request, person, link=link)
    return render(request, "site/new_person.html", {"form": form})


@page(site_admin=True)
def person(request: HttpRequest, person: int) -> HttpResponse:
    return _person_page(request, get_object_or_404(User, pk=person))


@never_cache
@page(methods=("POST",), site_admin=True)
def reset_link(request: HttpRequest, person: int) -> HttpResponse:
    """The answer is the only place that shows the link."""
    found = get_object_or_404(User, pk=person)
    try:
        link = act.issue_reset_link(person=found, by=person_of(request))
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
        return redirect("site_person", found.pk)
    return _person_page(request, found, link=link)


@page(methods=("GET", "POST"), site_admin=True)
def act_on_person(request: HttpRequest, person: int, name: str) -> HttpResponse:
    found = get_object_or_404(User, pk=person)
    chosen = ACTS.get(name)
    if chosen is None:
        raise Http404
    if request.method == "POST":
        try:
            chosen.run(person=found, by=person_of(request))
            messages.success(request, chosen.done % {"who": found})
        except ValidationError as error:
            messages.error(request, " ".join(error.messages))
        return redirect("site_person", found.pk)
    context = {
        "question": f"{chosen.label}: {found.email}?",
        "sentence": chosen.sentence,
        "submit": chosen.label,
        "cancel": reverse("site_person", args=[found.pk]),
    }
    return render(request, "elements/confirm.html", context)


def _person_page(request: HttpRequest, found: User, *, link: str = "") -> HttpResponse:
    has_second_factor = Authenticator.objects.filter(user=found).exists()
    names = [
        "unmake-admin" if found.is_site_admin else "make-admin",
        "forbid-workspaces" if found.may_create_workspaces else "allow-workspaces",
        "end-sessions",
        *(["remove-second-factor"] if has_second_factor else []),
        "disable" if found.is_active else "enable",
    ]
    context = {
        "person": found,
        "memberships": found.memberships.select_related("workspace").order_by("workspace__name"),
        "acts": [(name, ACTS[name]) for name in names],
        "has_second_factor": has_second_factor,
        "link": link,
    }
    return render(request, "site/person.html", context)
