"""Who did what: for the managers of a workspace, and for site admins."""

from typing import Any

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from webapp.audit.actions.export import export_audit_trail
from webapp.audit.forms import FindEntriesForm
from webapp.audit.queries import entries, filtered
from webapp.workspaces.access import page, workspace_page
from webapp.workspaces.models import Role, Workspace

A_PAGE = 50


@workspace_page(Role.MANAGER)
def workspace_audit(request: HttpRequest, workspace: Workspace) -> HttpResponse:
    return render(request, "audit/workspace.html", _context(request, workspace))


@workspace_page(Role.MANAGER, methods=("POST",), even_archived=True)
def workspace_audit_export(request: HttpRequest, workspace: Workspace) -> HttpResponse:
    job = export_audit_trail(workspace=workspace, by=request.user)
    return redirect("workspace_job", workspace.slug, job.pk)


@page(site_admin=True, methods=("POST",))
def site_audit_export(request: HttpRequest) -> HttpResponse:
    return redirect("site_job", export_audit_trail(workspace=None, by=request.user).pk)


@page(site_admin=True)
def site_audit(request: HttpRequest) -> HttpResponse:
    return render(request, "audit/site.html", _context(request, None))


def _context(request: HttpRequest, workspace: Workspace | None) -> dict[str, Any]:
    form = FindEntriesForm(request.GET or None)
    found = entries(workspace)
    if form.is_valid():
        found = filtered(found, **form.cleaned_data)
    shown = Paginator(found, A_PAGE).get_page(request.GET.get("page"))
    narrowed = form.is_bound and any(form.cleaned_data.values()) if form.is_valid() else False
    return {"workspace": workspace, "form": form, "shown": shown, "narrowed": narrowed}
