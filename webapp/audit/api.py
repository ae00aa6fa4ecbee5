"""The audit trail of a workspace (for its managers) and of the site (for site admins)."""

from datetime import datetime
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from webapp.api.endpoint import Endpoint
from webapp.api.filters import Filter
from webapp.api.permissions import SiteAdmin, TokenScope, api_workspace
from webapp.audit.queries import entries
from webapp.workspaces.models import Role


class EntryRow(serializers.Serializer):
    id = serializers.IntegerField()
    at = serializers.DateTimeField()
    actor = serializers.CharField(
        source="actor.email", default=None, allow_null=True, help_text="null: the system itself"
    )
    action = serializers.CharField()
    target = serializers.CharField()
    changes: Any = serializers.JSONField(help_text="field: [before, after]")
    ip = serializers.IPAddressField(allow_null=True)
    request_id = serializers.CharField()


FILTERS = {
    "action": Filter("action__startswith", help="membership or membership.change"),
    "actor": Filter("actor__email__icontains", help="a part of the address"),
    "after": Filter("at__gt", kind=datetime),
    "before": Filter("at__lt", kind=datetime),
}


class WorkspaceAuditEndpoint(Endpoint):
    is_list = True
    serializer_class = EntryRow
    filters = FILTERS

    @extend_schema(summary="Who did what in a workspace, newest first")
    def get(self, request: Request, slug: str) -> Response:
        return self.paged(entries(api_workspace(request, slug, Role.MANAGER)))


class SiteAuditEndpoint(Endpoint):
    is_list = True
    serializer_class = EntryRow
    filters = FILTERS
    permission_classes = [IsAuthenticated, TokenScope, SiteAdmin]

    @extend_schema(summary="Who did what on this site, newest first")
    def get(self, request: Request) -> Response:
        return self.paged(entries())
