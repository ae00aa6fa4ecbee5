"""/api/v1/tokens/: what is known of your tokens. Making one needs a browser: a token makes none."""

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from webapp.api.authentication import token_in
from webapp.api.endpoint import Endpoint
from webapp.api.models import ApiToken
from webapp.workspaces.access import person_of


class TokenRow(serializers.Serializer):
    id = serializers.IntegerField()
    name = serializers.CharField()
    prefix = serializers.CharField(help_text="The part of the token that may be shown")
    scope = serializers.ChoiceField(ApiToken.Scope.choices)
    workspace = serializers.CharField(source="workspace.slug", default=None, allow_null=True)
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()
    last_used_at = serializers.DateTimeField(allow_null=True)
    revoked_at = serializers.DateTimeField(allow_null=True)


class TokensEndpoint(Endpoint):
    is_list = True
    serializer_class = TokenRow
    sorts = {"created_at": "created_at", "expires_at": "expires_at"}

    @extend_schema(summary="Your tokens, without their secrets")
    def get(self, request: Request) -> Response:
        own = ApiToken.objects.filter(user=person_of(request)).select_related("workspace")
        token = token_in(request)
        if token and token.workspace_id:  # others are none of its business
            own = own.filter(workspace=token.workspace_id)
        return self.paged(own)
