"""The list of workspaces, a workspace's home, and its settings."""

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _

from webapp.workspaces.access import (
    page,
    person_of,
    refuse,
    role_of,
    workspace_page,
    workspaces_of,
)
from webapp.workspaces.actions.workspace import (
    archive_workspace,
    change_workspace,
    create_workspace,
    delete_workspace,
    restore_workspace,
    what_would_be_deleted,
)
from webapp.workspaces.forms import DeleteWorkspaceForm, WorkspaceForm
from webapp.workspaces.home import panels
from webapp.workspaces.models import Role, Workspace


@page()
def home(request: HttpRequest) -> HttpResponse:
    """Straight into the only workspace; otherwise the list."""
    found = list(workspaces_of(request.user).filter(archived_at=None)[:2])
    if len(found) == 1:
        return redirect("workspace_home", found[0].slug)
    return workspaces(request)


@page()
def workspaces(request: HttpRequest) -> HttpResponse:
    found = workspaces_of(request.user)
    context = {
        "rows": found.filter(archived_at=None),
        "archived": found.exclude(archived_at=None),
        "may_create": _may_create(request),
    }
    return render(request, "workspaces/list.html", context)


@page(methods=("GET", "POST"))
def new_workspace(request: HttpRequest) -> HttpResponse:
    if not _may_create(request):
        refuse(request, _("You may not create workspaces. A site admin can allow it."))
    form = WorkspaceForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            workspace = create_workspace(by=person_of(request), **form.cleaned_data)
        except ValidationError as error:
            form.add_error(None, error)
        else:
            messages.success(request, _("Your workspace is ready."))
            return redirect("workspace_home", workspace.slug)
    return render(request, "workspaces/new.html", {"form": form})


@workspace_page()
def workspace_home(request: HttpRequest, workspace: Workspace) -> HttpResponse:
    """What this workspace is for, and what to do next in it."""
    role = role_of(workspace)
    return render(
        request,
        "workspaces/home.html",
        {
            "workspace": workspace,
            "is_manager": role == Role.MANAGER,
            "is_annotator": role == Role.ANNOTATOR,
            "members": workspace.memberships.count() if role != Role.ANNOTATOR else None,
            "panels": panels(person_of(request), workspace),
        },
    )


@workspace_page(Role.MANAGER, methods=("GET", "POST"))
def settings(request: HttpRequest, workspace: Workspace) -> HttpResponse:
    start = {"name": workspace.name, "description": workspace.description}
    form = WorkspaceForm(request.POST if request.method == "POST" else None, initial=start)
    if request.method == "POST" and form.is_valid():
        try:
            change_workspace(workspace=workspace, by=person_of(request), **form.cleaned_data)
        except ValidationError as error:
            form.add_error(None, error)
        else:
            messages.success(request, _("Saved."))
            return redirect("workspace_settings", workspace.slug)
    return render(request, "workspaces/settings.html", {"form": form, "workspace": workspace})


@workspace_page(Role.MANAGER, methods=("GET", "POST"))
def archive(request: HttpRequest, workspace: Workspace) -> HttpResponse:
    if request.method == "POST":
        archive_workspace(workspace=workspace, by=person_of(request))
        messages.success(request, _("Archived: it can be read, not changed."))
        return redirect("workspace_settings", workspace.slug)
    context = {
        "question": _("Archive %(name)s?") % {"name": workspace.name},
        "sentence": _(
            "Members can still read everything. Nothing can be added or changed, invitations stop "
            "working, and it leaves the list of workspaces in use. You can restore it at any time."
        ),
        "submit": _("Archive"),
        "cancel": reverse("workspace_settings", args=[workspace.slug]),
    }
    return render(request, "elements/confirm.html", context)


@workspace_page(Role.MANAGER, methods=("POST",), even_archived=True)
def restore(request: HttpRequest, workspace: Workspace) -> HttpResponse:
    try:
        restore_workspace(workspace=workspace, by=person_of(request))
        messages.success(request, _("Restored: everybody can work in it again."))
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
    return redirect("workspace_settings", workspace.slug)


@workspace_page(Role.MANAGER, methods=("GET", "POST"), even_archived=True)
def delete(request: HttpRequest, workspace: Workspace) -> HttpResponse:
    """Say what goes with it, ask for its address to be typed, delete."""
    form = DeleteWorkspaceForm(workspace.slug, request.POST if request.method == "POST" else None)
    takes: list[str] = []
    try:
        takes = what_would_be_deleted(workspace)
        if request.method == "POST" and form.is_valid():
            typed = form.cleaned_data["typed"]
            delete_workspace(workspace=workspace, typed=typed, by=person_of(request))
            sentence = _("%(name)s is deleted. Taking all of it out may take a while.")
            messages.success(request, sentence % {"name": workspace.name})
            return redirect("workspaces")
    except ValidationError as error:
        if not form.is_bound:
            messages.error(request, " ".join(error.messages))
            return redirect("workspace_settings", workspace.slug)
        form.add_error(None, error)
    context = {
        "question": _("Delete %(name)s for good?") % {"name": workspace.name},
        "sentence": _(
            "This cannot be undone. What hangs on these rows goes too, answers and judgements "
            "among it. The audit entries stay."
        ),
        "takes": takes,
        "form": form,
        "submit": _("Delete for good"),
        "cancel": reverse("workspace_settings", args=[workspace.slug]),
    }
    return render(request, "elements/confirm.html", context)


def _may_create(request: HttpRequest) -> bool:
    person = person_of(request)
    return bool(person.is_site_admin or person.may_create_workspaces)
