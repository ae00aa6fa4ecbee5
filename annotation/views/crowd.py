"""The door for people from a crowd platform, and the manager's page about them."""

from collections.abc import Iterator
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth import login
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.crypto import constant_time_compare
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache

from annotation.access import MANAGES, READS
from annotation.actions.crowd import LinkPlan, begin, set_link, switch_off
from annotation.crowd import (
    WrongIds,
    address_of,
    code_of,
    counts_of,
    secret_of,
    sent_by,
    works_of,
)
from annotation.models import Campaign, CrowdLink
from annotation.models.crowd import Ending, Platform
from annotation.views.shown_item import guidelines_of
from webapp.accounts.throttle import Limit
from webapp.csv_rows import csv_row
from webapp.request_context import current_request
from webapp.workspaces.access import page, role_of, workspace_page
from webapp.workspaces.models import Workspace

OPENED = Limit("crowd links opened from place", allowed=120, seconds=60)
BEGUN = Limit("crowd work begun from place", allowed=30, seconds=60 * 60)
BACKEND = "allauth.account.auth_backends.AuthenticationBackend"
A_PAGE = 50
COLUMNS = ("worker", "study", "assignment", "begun", "ended", "ending", "answers", "code")


def _found(pk: int, secret: str) -> CrowdLink:
    """
    Raises:
        Http404: there is no such link (any more); a wrong secret gets the same answer.
    """
    found = CrowdLink.objects.select_related("campaign__workspace").filter(pk=pk).first()
    right = secret_of(found) if found is not None else ""
    if found is None or not right or not constant_time_compare(right, secret):
        raise Http404(_("There is no such link, or it was switched off."))
    workspace = found.campaign.workspace
    if workspace.archived_at or workspace.deleted_at:
        raise Http404(_("There is no such link, or it was switched off."))
    return found


def _too_many(request: HttpRequest, limit: Limit) -> HttpResponse | None:
    context = current_request()
    wait = limit.take(str(context.ip if context else ""))
    if not wait:
        return None
    response = render(request, "429.html", status=429)
    response["Retry-After"] = str(wait)
    return response


@never_cache
@page(methods=("GET", "POST"), public=True)
def crowd(request: HttpRequest, link: int, secret: str) -> HttpResponse:
    """GET says what waits; POST begins it as the person whom the platform's address names."""
    if refused := _too_many(request, OPENED):
        return refused
    found = _found(link, secret)
    sentence, sent = "", None
    try:
        sent = sent_by(found.platform, request.GET)
    except WrongIds as wrong:
        sentence = str(wrong)
    member = request.user.is_authenticated and not getattr(request.user, "limited_to", "")
    if request.method == "POST" and sent is not None and not member:
        if refused := _too_many(request, BEGUN):
            return refused
        try:
            work = begin(link=found, sent=sent)
        except ValidationError as error:
            sentence = " ".join(error.messages)
        else:
            login(request, work.person, backend=BACKEND)
            return redirect("annotation:work", found.campaign.workspace.slug, found.campaign_id)
    context = {
        "link": found,
        "campaign": found.campaign,
        "sent": sent,
        "member": member,
        "sentence": sentence,
        "guidelines_text": guidelines_of(found.campaign),
    }
    status = 422 if sentence and request.method == "POST" else 200
    response = render(request, "annotation/crowd_entry.html", context, status=status)
    response["X-Robots-Tag"] = "noindex"
    return response


class CrowdForm(forms.ModelForm):
    completion_url = forms.URLField(
        label=gettext_lazy("Completion address"),
        help_text=gettext_lazy(
            "Where the person goes back to. Empty: Prolific’s own page for the code."
        ),
        required=False,
        max_length=500,
        assume_scheme="https",
    )
    screen_out_url = forms.URLField(
        label=gettext_lazy("Screen-out address"),
        required=False,
        max_length=500,
        assume_scheme="https",
    )

    class Meta:
        model = CrowdLink
        fields = (
            "platform",
            "answers",
            "places",
            "completion_code",
            "completion_url",
            "screen_out_code",
            "screen_out_url",
        )
        labels = {
            "platform": gettext_lazy("Platform"),
            "answers": gettext_lazy("Answers of one assignment"),
            "places": gettext_lazy("Places"),
            "completion_code": gettext_lazy("Completion code"),
            "screen_out_code": gettext_lazy("Screen-out code"),
        }
        help_texts = {
            "answers": gettext_lazy("Then it is done; hidden checks and repeats are counted."),
            "places": gettext_lazy(
                "So many assignments may begin; who is screened out gives the place back."
            ),
            "completion_code": gettext_lazy(
                "Shown at the end. Empty: each assignment gets a code of its own, listed below."
            ),
            "screen_out_code": gettext_lazy(
                "For who fails the training or is stopped by the checks."
            ),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["platform"]
        assert isinstance(field, forms.ChoiceField)
        field.widget = forms.RadioSelect()
        field.choices = Platform.choices
        self.fields["answers"].initial = 10
        self.fields["places"].initial = 100

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        for name in ("completion_url", "screen_out_url"):
            if cleaned and cleaned.get(name) and not cleaned[name].startswith("https://"):
                self.add_error(name, _("Give an address that begins with https://."))
        return cleaned

    def plan(self) -> LinkPlan:
        return LinkPlan(**{name: self.cleaned_data[name] for name in self.Meta.fields})


@workspace_page(*MANAGES, methods=("GET", "POST"))
def crowd_page(request: HttpRequest, workspace: Workspace, pk: int) -> HttpResponse:
    """The campaign's link, and who came by it."""
    campaign = get_object_or_404(Campaign, workspace=workspace, pk=pk)
    campaign.workspace = workspace
    link = CrowdLink.objects.filter(campaign=campaign).first()
    form = CrowdForm(request.POST or None, initial=_values(link))
    if request.method == "POST" and form.is_valid():
        set_link(campaign=campaign, by=request.user, plan=form.plan())
        messages.success(request, _("The link is in force."))
        return redirect("annotation:crowd_page", workspace.slug, pk)
    if link is not None:
        link.campaign = campaign
    works = Paginator(works_of(campaign), A_PAGE).get_page(request.GET.get("page"))
    work: Any
    for work in works:
        work.code = code_of(work)
    counts = counts_of(link) if link else {}
    context = {
        "campaign": campaign,
        "link": link,
        "address": address_of(link) if link else "",
        "form": form,
        "works": works,
        "counts": [(label, counts.get(value, 0)) for value, label in Ending.choices],
        "manages": role_of(workspace) in MANAGES,
    }
    status = 422 if form.errors else 200
    return render(request, "annotation/crowd.html", context, status=status)


def _values(link: CrowdLink | None) -> dict[str, Any]:
    return {name: getattr(link, name) for name in CrowdForm.Meta.fields} if link else {}


@workspace_page(*MANAGES, methods=("POST",))
def crowd_off(request: HttpRequest, workspace: Workspace, pk: int) -> HttpResponse:
    link = get_object_or_404(CrowdLink, campaign__workspace=workspace, campaign=pk)
    switch_off(link=link, by=request.user)
    messages.success(request, _("The link is switched off. Who is at work can finish."))
    return redirect("annotation:crowd_page", workspace.slug, pk)


@workspace_page(*READS)
def crowd_file(request: HttpRequest, workspace: Workspace, pk: int) -> Any:
    """Every assignment as CSV, for the platform's list of approvals."""
    campaign = get_object_or_404(Campaign, workspace=workspace, pk=pk)
    response = StreamingHttpResponse(_lines(campaign), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="crowd-{campaign.pk}.csv"'
    return response


def _lines(campaign: Campaign) -> Iterator[bytes]:
    yield csv_row(COLUMNS)
    for work in works_of(campaign).iterator(2000):
        given: Any = work
        ended = work.ended_at.isoformat() if work.ended_at else ""
        row = (work.worker, work.study, work.external, work.begun_at.isoformat(), ended)
        yield csv_row((*row, work.ending or "under_way", given.given, code_of(work)))
