"""/api/v1/workspaces/<slug>/endpoints/: add models that can be asked, change and retire them."""

from typing import Any

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from training.access import MANAGES, READS
from training.actions.endpoint import (
    KEEP,
    EndpointPlan,
    add_endpoint,
    change_endpoint,
    restore_endpoint,
    retire_endpoint,
)
from training.model_queries import endpoints_with_spend
from training.models import EndpointKind, ModelEndpoint, ModelVersion, PromptStyle
from webapp.api.endpoint import Endpoint, Strict
from webapp.api.filters import Filter
from webapp.api.permissions import api_workspace
from webapp.workspaces.access import person_of
from webapp.workspaces.models import Workspace


class EndpointRow(serializers.Serializer):
    id = serializers.IntegerField()
    name = serializers.CharField(help_text="The generator's name in campaigns and on boards")
    kind = serializers.ChoiceField(EndpointKind.choices)
    style: Any = serializers.ChoiceField(PromptStyle.choices)
    host = serializers.CharField(help_text="Empty where nothing is asked over HTTP")
    model = serializers.CharField()
    key = serializers.CharField(source="shown_key", help_text="Its last four characters")
    in_arena = serializers.BooleanField()
    answers = serializers.IntegerField()
    failures = serializers.IntegerField()
    tokens = serializers.IntegerField()
    spent = serializers.DecimalField(max_digits=20, decimal_places=6)
    budget = serializers.DecimalField(max_digits=14, decimal_places=6, allow_null=True)
    retired_at = serializers.DateTimeField(allow_null=True)


class ExampleBody(Strict):
    prompt = serializers.CharField(max_length=20_000)
    answer = serializers.CharField(max_length=20_000)


class EndpointChange(Strict):
    """How a model is asked. A field that is left out stays as it is, or has its default."""

    base_url = serializers.CharField(
        required=False, max_length=500, allow_blank=True, help_text="Up to and with /v1"
    )
    version = serializers.IntegerField(
        required=False, allow_null=True, help_text="The registered model's id"
    )
    model = serializers.CharField(
        required=False, max_length=200, allow_blank=True, help_text="As the service names it"
    )
    key = serializers.CharField(
        required=False,
        max_length=1000,
        allow_blank=True,
        write_only=True,
        help_text="Stored encrypted; empty removes it. A new host needs its key again",
    )
    style: Any = serializers.ChoiceField(PromptStyle.choices, required=False)
    template = serializers.CharField(
        required=False, max_length=5000, allow_blank=True, trim_whitespace=False
    )
    preamble = serializers.CharField(required=False, max_length=20_000, allow_blank=True)
    examples = ExampleBody(many=True, required=False)
    stop = serializers.ListField(
        child=serializers.CharField(max_length=60, trim_whitespace=False), required=False
    )
    most_tokens = serializers.IntegerField(required=False)
    at_once = serializers.IntegerField(required=False, help_text="Requests at once")
    seconds = serializers.IntegerField(required=False, help_text="For one answer")
    price_in = serializers.DecimalField(
        required=False, max_digits=12, decimal_places=6, help_text="Of a million tokens"
    )
    price_out = serializers.DecimalField(required=False, max_digits=12, decimal_places=6)
    budget = serializers.DecimalField(
        required=False, allow_null=True, max_digits=14, decimal_places=6
    )
    in_arena = serializers.BooleanField(required=False)


class EndpointBody(EndpointChange):
    name = serializers.CharField(max_length=100, help_text="It can never be changed")
    kind = serializers.ChoiceField(EndpointKind.choices)


def _plan(
    given: dict[str, Any], workspace: Workspace, before: ModelEndpoint | None = None
) -> EndpointPlan:
    """What was given, over what is there or the defaults.

    Raises:
        ValidationError: there is no such registered model here.
    """
    start: dict[str, Any] = {}
    if before is not None:
        start = {name: getattr(before, name) for name in EndpointPlan().columns()}
    values = {**start, **given}
    if isinstance(values.get("version"), int):
        pk = values["version"]
        values["version"] = ModelVersion.objects.filter(workspace=workspace, pk=pk).first()
        if values["version"] is None:
            raise serializers.ValidationError({"version": [f"There is no model {pk} here."]})
    for name in ("examples", "stop"):
        values[name] = tuple(values.get(name, ()))
    return EndpointPlan(**{"key": KEEP, **values})


def _one(workspace: Workspace, pk: int) -> ModelEndpoint:
    found: ModelEndpoint = get_object_or_404(endpoints_with_spend(workspace), pk=pk)
    return found


class EndpointsEndpoint(Endpoint):
    is_list = True
    serializer_class = EndpointRow
    filters = {"kind": Filter("kind", choices=EndpointKind.values)}
    sorts = {"name": "name", "id": "pk"}

    @extend_schema(summary="Models that can be asked, and what they cost")
    def get(self, request: Request, slug: str) -> Response:
        return self.paged(endpoints_with_spend(api_workspace(request, slug, *READS)))

    @extend_schema(
        summary="Add a model that can be asked", request=EndpointBody, responses={201: EndpointRow}
    )
    def post(self, request: Request, slug: str) -> Response:
        workspace = api_workspace(request, slug, *MANAGES)
        given = dict(self.wanted(EndpointBody))
        name, kind = given.pop("name"), given.pop("kind")
        added = add_endpoint(
            workspace=workspace,
            by=person_of(request),
            name=name,
            kind=kind,
            plan=_plan(given, workspace),
        )
        return self.one(_one(workspace, added.pk), status=201)


class OneEndpoint(Endpoint):
    serializer_class = EndpointRow

    @extend_schema(summary="One model that can be asked")
    def get(self, request: Request, slug: str, endpoint: int) -> Response:
        return self.one(_one(api_workspace(request, slug, *READS), endpoint))

    @extend_schema(summary="Change how it is asked", request=EndpointChange)
    def patch(self, request: Request, slug: str, endpoint: int) -> Response:
        workspace = api_workspace(request, slug, *MANAGES)
        found = _one(workspace, endpoint)
        plan = _plan(dict(self.wanted(EndpointChange, partial=True)), workspace, found)
        change_endpoint(endpoint=found, by=person_of(request), plan=plan)
        return self.one(_one(workspace, endpoint))


class RetireEndpoint(Endpoint):
    serializer_class = EndpointRow

    @extend_schema(summary="Ask it no more; its answers stay", request=None)
    def post(self, request: Request, slug: str, endpoint: int) -> Response:
        workspace = api_workspace(request, slug, *MANAGES)
        retire_endpoint(endpoint=_one(workspace, endpoint), by=person_of(request))
        return self.one(_one(workspace, endpoint))


class RestoreEndpoint(Endpoint):
    serializer_class = EndpointRow

    @extend_schema(summary="Ask it again; a service needs its key once more", request=None)
    def post(self, request: Request, slug: str, endpoint: int) -> Response:
        workspace = api_workspace(request, slug, *MANAGES)
        restore_endpoint(endpoint=_one(workspace, endpoint), by=person_of(request))
        return self.one(_one(workspace, endpoint))
