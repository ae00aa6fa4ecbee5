"""Members and invitations of a workspace."""

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache

from webapp.workspaces.access import person_of, role_of, workspace_page
from webapp.workspaces.actions.invite import invite, resend, revoke
from webapp.workspaces.actions.member import change_role, remove_member
from webapp.workspaces.forms import InviteForm, RoleForm
from webapp.workspaces.models import Role, Workspace
from webapp.workspaces.queries import members_of, waiting_invitations_of

A_PAGE = 50


@workspace_page(Role.MANAGER, Role.VIEWER)
def members(request: HttpRequest, workspace: Workspace) -> HttpResponse:
    return _members_page(request, workspace)


@never_cache
@workspace_page(Role.MANAGER, methods=("GET", "POST"))
def invitations(request: HttpRequest, workspace: Workspace) -> HttpResponse:
    """GET: the form alone. POST: invite; without mail only the answer shows the link."""
    form = InviteForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            invitation, link = invite(
                workspace=workspace, by=person_of(request), **form.cleaned_data
            )
        except ValidationError as error:
            form.add_error(None, error)
        else:
            if not invitation.mailed:
                return _members_page(request, workspace, link=link, invited=invitation.email)
            sentence = _("%(email)s has got an e-mail with the link.")
            messages.success(request, sentence % {"email": invitation.email})
            return redirect("workspace_members", workspace.slug)
    return render(request, "workspaces/invite.html", {"form": form, "workspace": workspace})


@never_cache
@workspace_page(Role.MANAGER, methods=("POST",))
def resend_invitation(request: HttpRequest, workspace: Workspace, invitation: int) -> HttpResponse:
    found = get_object_or_404(waiting_invitations_of(workspace), pk=invitation)
    link = resend(invitation=found, by=person_of(request))
    if not found.mailed:
        return _members_page(request, workspace, link=link, invited=found.email)
    messages.success(request, _("%(email)s has got a new link.") % {"email": found.email})
    return redirect("workspace_members", workspace.slug)


@workspace_page(Role.MANAGER, methods=("GET", "POST"))
def revoke_invitation(request: HttpRequest, workspace: Workspace, invitation: int) -> HttpResponse:
    found = get_object_or_404(waiting_invitations_of(workspace), pk=invitation)
    if request.method == "POST":
        revoke(invitation=found, by=person_of(request))
        messages.success(request, _("The invitation of %(who)s is revoked.") % {"who": found.email})
        return redirect("workspace_members", workspace.slug)
    context = {
        "question": _("Revoke the invitation of %(who)s?") % {"who": found.email},
        "sentence": _("The link stops working at once."),
        "submit": _("Revoke"),
        "cancel": reverse("workspace_members", args=[workspace.slug]),
    }
    return render(request, "elements/confirm.html", context)


@workspace_page(Role.MANAGER, methods=("POST",))
def change_member(request: HttpRequest, workspace: Workspace, member: int) -> HttpResponse:
    membership = get_object_or_404(members_of(workspace), pk=member)
    form = RoleForm(request.POST)
    try:
        if not form.is_valid():
            raise ValidationError(list(form.errors["role"]))
        changed = change_role(
            membership=membership,
            role=form.cleaned_data["role"],
            by=person_of(request),
        )
        sentence = _("%(who)s is now %(role)s.")
        names = {"who": changed.user, "role": changed.get_role_display()}
        messages.success(request, sentence % names)
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
    return redirect("workspace_members", workspace.slug)


@workspace_page(Role.MANAGER, methods=("GET", "POST"))
def remove(request: HttpRequest, workspace: Workspace, member: int) -> HttpResponse:
    membership = get_object_or_404(members_of(workspace), pk=member)
    if request.method == "POST":
        try:
            remove_member(membership=membership, by=person_of(request))
            messages.success(request, _("%(who)s is removed.") % {"who": membership.user})
        except ValidationError as error:
            messages.error(request, " ".join(error.messages))
        return redirect("workspace_members", workspace.slug)
    context = {
        "question": _("Remove %(who)s from %(workspace)s?")
        % {"who": membership.user, "workspace": workspace},
        "sentence": _(
            "The person sees nothing of this workspace from the next request on. What the person "
            "wrote and judged stays."
        ),
        "submit": _("Remove"),
        "cancel": reverse("workspace_members", args=[workspace.slug]),
    }
    return render(request, "elements/confirm.html", context)


def _members_page(
    request: HttpRequest, workspace: Workspace, *, link: str = "", invited: str = ""
) -> HttpResponse:
    role = role_of(workspace)
    is_manager = role == Role.MANAGER
    shown = Paginator(members_of(workspace), A_PAGE).get_page(request.GET.get("page"))
    context = {
        "workspace": workspace,
        "shown": shown,
        "invitations": waiting_invitations_of(workspace) if is_manager else None,
        "is_manager": is_manager and workspace.archived_at is None,
        "roles": Role.choices,
        "link": link,
        "invited": invited,
    }
    return render(request, "workspaces/members.html", context)
