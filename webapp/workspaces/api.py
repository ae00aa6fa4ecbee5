"""/api/v1/workspaces/ and what hangs below one."""

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from webapp.api.endpoint import Endpoint, Strict
from webapp.api.filters import Filter
from webapp.api.permissions import api_workspace, visible_workspaces
from webapp.workspaces.access import person_of, refuse
from webapp.workspaces.actions.invite import invite, resend, revoke
from webapp.workspaces.actions.member import change_role, remove_member
from webapp.workspaces.actions.workspace import change_workspace, create_workspace
from webapp.workspaces.models import Role
from webapp.workspaces.queries import invitations_of, members_of


class WorkspaceRow(serializers.Serializer):
    slug = serializers.CharField()
    name = serializers.CharField()
    description = serializers.CharField()
    role = serializers.ChoiceField(Role.choices, help_text="Yours; a site admin's is manager")
    created_at = serializers.DateTimeField()
    archived_at = serializers.DateTimeField(allow_null=True)


class WorkspaceBody(Strict):
    name = serializers.CharField(max_length=100)
    description = serializers.CharField(max_length=2000, allow_blank=True, default="")


class WorkspaceChange(Strict):
    name = serializers.CharField(max_length=100, required=False)
    description = serializers.CharField(max_length=2000, allow_blank=True, required=False)


class MemberRow(serializers.Serializer):
    id = serializers.IntegerField()
    email = serializers.EmailField(source="user.email")
    name = serializers.CharField(source="user.name")
    role = serializers.ChoiceField(Role.choices)
    is_active = serializers.BooleanField(source="user.is_active")
    created_at = serializers.DateTimeField()


class MemberChange(Strict):
    role = serializers.ChoiceField(Role.choices)


class InvitationRow(serializers.Serializer):
    id = serializers.IntegerField()
    email = serializers.EmailField()
    role = serializers.ChoiceField(Role.choices)
    state = serializers.CharField(help_text="pending, accepted, revoked or expired")
    invited_by = serializers.CharField(source="invited_by.email")
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()
    mailed = serializers.BooleanField()


class InvitationMade(InvitationRow):
    link = serializers.CharField(
        allow_null=True, help_text="Shown this once; null when it was mailed to the address"
    )


class InvitationBody(Strict):
    email = serializers.EmailField()
    role = serializers.ChoiceField(Role.choices)


class WorkspacesEndpoint(Endpoint):
    is_list = True
    serializer_class = WorkspaceRow
    filters = {
        "role": Filter("role", choices=Role.values),
        "archived": Filter("archived_at__isnull", kind=bool, help="false: those in use"),
    }
    sorts = {"name": "name", "created_at": "created_at"}

    @extend_schema(summary="The workspaces that you may see")
    def get(self, request: Request) -> Response:
        return self.paged(visible_workspaces(request))

    @extend_schema(
        summary="Create a workspace and manage it",
        request=WorkspaceBody,
        responses={201: WorkspaceRow},
    )
    def post(self, request: Request) -> Response:
        may = person_of(request).is_site_admin or person_of(request).may_create_workspaces
        if not may or getattr(request.auth, "workspace_id", None):
            refuse(request, "You may not create workspaces. A site admin can allow it.")
        workspace = create_workspace(by=person_of(request), **self.wanted(WorkspaceBody))
        return self.one(api_workspace(request, workspace.slug), status=201)


class WorkspaceEndpoint(Endpoint):
    serializer_class = WorkspaceRow

    @extend_schema(summary="One workspace")
    def get(self, request: Request, slug: str) -> Response:
        return self.one(api_workspace(request, slug))

    @extend_schema(
        summary="Change name or description", request=WorkspaceChange, responses=WorkspaceRow
    )
    def patch(self, request: Request, slug: str) -> Response:
        workspace = api_workspace(request, slug, Role.MANAGER)
        wanted = self.wanted(WorkspaceChange)
        change_workspace(
            workspace=workspace,
            name=wanted.get("name", workspace.name),
            description=wanted.get("description", workspace.description),
            by=person_of(request),
        )
        return self.one(workspace)


class MembersEndpoint(Endpoint):
    is_list = True
    serializer_class = MemberRow
    filters = {
        "role": Filter("role", choices=Role.values),
        "email": Filter("user__email__icontains", help="a part of the address"),
        "active": Filter("user__is_active", kind=bool),
    }
    sorts = {"email": "user__email", "created_at": "created_at"}

    @extend_schema(summary="The members of a workspace")
    def get(self, request: Request, slug: str) -> Response:
        return self.paged(members_of(api_workspace(request, slug, Role.MANAGER, Role.VIEWER)))


class MemberEndpoint(Endpoint):
    serializer_class = MemberRow

    @extend_schema(summary="One member")
    def get(self, request: Request, slug: str, member: int) -> Response:
        workspace = api_workspace(request, slug, Role.MANAGER, Role.VIEWER)
        return self.one(get_object_or_404(members_of(workspace), pk=member))

    @extend_schema(summary="Give another role", request=MemberChange, responses=MemberRow)
    def patch(self, request: Request, slug: str, member: int) -> Response:
        workspace = api_workspace(request, slug, Role.MANAGER)
        membership = get_object_or_404(members_of(workspace), pk=member)
        wanted = self.wanted(MemberChange)
        return self.one(
            change_role(membership=membership, role=wanted["role"], by=person_of(request))
        )

    @extend_schema(summary="Remove a member", responses={204: None})
    def delete(self, request: Request, slug: str, member: int) -> Response:
        workspace = api_workspace(request, slug, Role.MANAGER)
        membership = get_object_or_404(members_of(workspace), pk=member)
        remove_member(membership=membership, by=person_of(request))
        return Response(status=204)


class InvitationsEndpoint(Endpoint):
    is_list = True
    serializer_class = InvitationRow
    filters = {
        "email": Filter("email__icontains", help="a part of the address"),
        "role": Filter("role", choices=Role.values),
        "accepted": Filter("accepted_at__isnull", kind=bool, help="true: not accepted yet"),
    }
    sorts = {"created_at": "created_at", "expires_at": "expires_at"}

    @extend_schema(summary="The invitations of a workspace")
    def get(self, request: Request, slug: str) -> Response:
        return self.paged(invitations_of(api_workspace(request, slug, Role.MANAGER)))

    @extend_schema(
        summary="Invite an address", request=InvitationBody, responses={201: InvitationMade}
    )
    def post(self, request: Request, slug: str) -> Response:
        workspace = api_workspace(request, slug, Role.MANAGER)
        invitation, link = invite(
            workspace=workspace, by=person_of(request), **self.wanted(InvitationBody)
        )
        return _made(invitation, link, status=201)


class InvitationEndpoint(Endpoint):
    serializer_class = InvitationRow

    @extend_schema(summary="One invitation")
    def get(self, request: Request, slug: str, invitation: int) -> Response:
        workspace = api_workspace(request, slug, Role.MANAGER)
        return self.one(get_object_or_404(invitations_of(workspace), pk=invitation))

    @extend_schema(
        operation_id="workspaces_invitations_resend",
        summary="A new link for another week; the old one stops working",
        request=None,
        responses=InvitationMade,
    )
    def post(self, request: Request, slug: str, invitation: int) -> Response:
        workspace = api_workspace(request, slug, Role.MANAGER)
        found = get_object_or_404(invitations_of(workspace), pk=invitation)
        self.wanted(Strict)
        return _made(found, resend(invitation=found, by=person_of(request)), status=200)

    @extend_schema(summary="Revoke an invitation", responses={204: None})
    def delete(self, request: Request, slug: str, invitation: int) -> Response:
        workspace = api_workspace(request, slug, Role.MANAGER)
        found = get_object_or_404(invitations_of(workspace), pk=invitation)
        revoke(invitation=found, by=person_of(request))
        return Response(status=204)


def _made(invitation: object, link: str, *, status: int) -> Response:
    mailed = getattr(invitation, "mailed", False)
    row = InvitationRow(invitation).data
    return Response({**row, "link": None if mailed else link}, status=status)
