"""/api/v1/me/"""

from typing import Any

from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from webapp.accounts.actions.change_profile import change_profile
from webapp.api.authentication import token_in
from webapp.api.endpoint import Endpoint, Strict
from webapp.workspaces.access import person_of


class TokenInUse(serializers.Serializer):
    prefix = serializers.CharField()
    scope = serializers.CharField()
    workspace = serializers.CharField(source="workspace.slug", default=None, allow_null=True)
    expires_at = serializers.DateTimeField()


class Me(serializers.Serializer):
    id = serializers.IntegerField()
    email = serializers.EmailField()
    name = serializers.CharField()
    time_zone = serializers.CharField()
    is_site_admin = serializers.BooleanField()
    may_create_workspaces = serializers.BooleanField()
    token = serializers.SerializerMethodField()

    @extend_schema_field(TokenInUse(allow_null=True))
    def get_token(self, person: Any) -> dict[str, Any] | None:
        token = token_in(self.context["request"])
        return TokenInUse(token).data if token else None


class MeChange(Strict):
    name = serializers.CharField(max_length=150, allow_blank=True, required=False)
    time_zone = serializers.CharField(max_length=60, required=False)


class MeEndpoint(Endpoint):
    serializer_class = Me

    @extend_schema(summary="Who you are, and the token in use")
    def get(self, request: Request) -> Response:
        return self.one(request.user)

    @extend_schema(summary="Change your name or time zone", request=MeChange, responses=Me)
    def patch(self, request: Request) -> Response:
        wanted = self.wanted(MeChange)
        person = change_profile(
            person=person_of(request),
            name=wanted.get("name", person_of(request).name),
            time_zone=wanted.get("time_zone", person_of(request).time_zone),
        )
        return self.one(person)
