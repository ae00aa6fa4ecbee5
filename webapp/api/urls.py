"""/api/: the schema, its page, and version 1 of every endpoint. The last entry catches the rest."""

from django.urls import URLPattern, URLResolver, include, path

from webapp.accounts.api import MeEndpoint
from webapp.api.endpoints import TokensEndpoint
from webapp.api.problems import nothing_here
from webapp.api.views import api_docs, api_schema
from webapp.audit.api import SiteAuditEndpoint, WorkspaceAuditEndpoint
from webapp.workspaces import api as workspaces

V1: list[URLPattern | URLResolver] = [
    path("me/", MeEndpoint.as_view(), name="api_me"),
    path("tokens/", TokensEndpoint.as_view(), name="api_tokens"),
    path("audit/", SiteAuditEndpoint.as_view(), name="api_audit"),
    path("workspaces/", workspaces.WorkspacesEndpoint.as_view(), name="api_workspaces"),
    path("workspaces/<slug:slug>/", workspaces.WorkspaceEndpoint.as_view(), name="api_workspace"),
    path(
        "workspaces/<slug:slug>/members/",
        workspaces.MembersEndpoint.as_view(),
        name="api_members",
    ),
    path(
        "workspaces/<slug:slug>/members/<int:member>/",
        workspaces.MemberEndpoint.as_view(),
        name="api_member",
    ),
    path(
        "workspaces/<slug:slug>/invitations/",
        workspaces.InvitationsEndpoint.as_view(),
        name="api_invitations",
    ),
    path(
        "workspaces/<slug:slug>/invitations/<int:invitation>/",
        workspaces.InvitationEndpoint.as_view(),
        name="api_invitation",
    ),
    path(
        "workspaces/<slug:slug>/audit/",
        WorkspaceAuditEndpoint.as_view(),
        name="api_workspace_audit",
    ),
]

urlpatterns: list[URLPattern | URLResolver] = [
    path("schema/", api_schema, name="api_schema"),
    path("docs/", api_docs, name="api_docs"),
    path("v1/", include(V1)),
    path("<path:rest>", nothing_here, name="api_nothing_here"),
]
