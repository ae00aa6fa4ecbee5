"""This installation at a glance, and its workspaces."""

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from webapp.accounts.models import User
from webapp.site.queries import all_workspaces
from webapp.workspaces.access import page
from webapp.workspaces.models import Workspace


@page(site_admin=True)
def overview(request: HttpRequest) -> HttpResponse:
    context = {
        "people": User.objects.filter(is_active=True).count(),
        "disabled": User.objects.filter(is_active=False).count(),
        "admins": User.objects.filter(is_active=True, is_site_admin=True).count(),
        "in_use": Workspace.objects.filter(archived_at=None).count(),
        "archived": Workspace.objects.filter(deleted_at=None).exclude(archived_at=None).count(),
    }
    return render(request, "site/overview.html", context)


@page(site_admin=True)
def workspaces(request: HttpRequest) -> HttpResponse:
    shown = Paginator(all_workspaces(), 50).get_page(request.GET.get("page"))
    return render(request, "site/workspaces.html", {"shown": shown})
