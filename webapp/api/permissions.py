"""What a token may do at most, and which workspaces a request may see."""

from typing import Any

from django.db.models import QuerySet
from django.http import Http404
from django.utils.translation import gettext as _
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from webapp.api.authentication import token_in
from webapp.api.models import ApiToken
from webapp.workspaces.access import check_role, refuse, workspace_of, workspaces_of
from webapp.workspaces.models import Workspace


class TokenScope(BasePermission):
    """A read token changes nothing."""

    def has_permission(self, request: Request, view: Any) -> bool:
        token = token_in(request)
        if token and token.scope == ApiToken.Scope.READ and request.method not in SAFE_METHODS:
            refuse(request, _("This token has the scope read; this needs the scope write."))
        return True


class SiteAdmin(BasePermission):
    """Site administrators only, and not with a token that is bound to one workspace."""

    def has_permission(self, request: Request, view: Any) -> bool:
        token = token_in(request)
        if not getattr(request.user, "is_site_admin", False):
            refuse(request, _("Only site administrators may do this."))
        if token and token.workspace_id:
            refuse(request, _("This token is bound to one workspace."))
        return True


def visible_workspaces(request: Request) -> QuerySet[Workspace]:
    """Those of the person, narrowed to the token's workspace if it is bound to one."""
    found = workspaces_of(request.user)
    token = token_in(request)
    return found.filter(pk=token.workspace_id) if token and token.workspace_id else found


def api_workspace(request: Request, slug: str, *roles: str) -> Workspace:
    """The workspace at `slug` with `.role`, for an endpoint.

    Raises:
        Http404: the caller cannot see it.
        PermissionDenied: the role is not one of `roles`, or it is archived and this is a write.
    """
    workspace = workspace_of(request.user, slug)
    token = token_in(request)
    bound = token.workspace_id if token else None
    if workspace is None or (bound and bound != workspace.pk):
        raise Http404(_("There is no such workspace, or you are not a member of it."))
    check_role(request, workspace, roles)
    if workspace.archived_at and request.method not in SAFE_METHODS:
        refuse(request, _("This workspace is archived: it can be read, not changed."), workspace)
    return workspace
