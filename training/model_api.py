"""/api/v1/workspaces/<slug>/models/: the registry, imports, pushes to a hub."""

from typing import Any

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from training.access import MANAGES, READS
from training.actions.change_model import change_model, delete_model
from training.actions.import_model import import_from_hub
from training.actions.merge_adapter import bases_for, merge_adapter
from training.actions.push_model import push_model
from training.api_chosen import chosen
from training.judges import judged_for
from training.models import HubPush, ModelKind, ModelVersion, Stage, VersionState
from training.run_queries import models_in
from webapp.api.endpoint import Endpoint, Strict
from webapp.api.filters import Filter
from webapp.api.permissions import api_workspace
from webapp.workspaces.access import person_of


class ModelRow(serializers.Serializer):
    id = serializers.IntegerField()
    name = serializers.CharField()
    version = serializers.IntegerField()
    kind = serializers.CharField(help_text="policy, reward or adapter")
    stage = serializers.CharField(help_text="candidate, current or archived")
    state = serializers.CharField(help_text="importing, ready or deleted")
    sha256 = serializers.CharField(help_text="One fingerprint over all files")
    facts: Any = serializers.JSONField(help_text="Architecture, layers, parameters ...")
    licence = serializers.CharField()
    run = serializers.IntegerField(source="run_id", allow_null=True, help_text="That made it")
    job = serializers.IntegerField(source="job_id", allow_null=True, help_text="That imports it")
    created_at = serializers.DateTimeField()


class OneModel(ModelRow):
    manifest: Any = serializers.JSONField(help_text="Every file with size and SHA-256")
    source: Any = serializers.JSONField(help_text="Where it comes from")
    judged_by = serializers.SerializerMethodField(
        help_text="Rows of preferences that it, and what it came from, learned from: human, judge "
        "(RLAIF), simulated"
    )
    parents = serializers.SerializerMethodField(help_text="Role, id, name, version")

    @extend_schema_field(serializers.DictField(child=serializers.IntegerField()))
    def get_judged_by(self, version: ModelVersion) -> dict[str, int]:
        return judged_for(version)

    @extend_schema_field(serializers.ListField(child=serializers.DictField()))
    def get_parents(self, version: ModelVersion) -> list[dict[str, Any]]:
        origins = version.origins.select_related("parent").order_by("pk")
        return [{"role": each.role, **each.parent.as_json()} for each in origins]


class ImportBody(Strict):
    name = serializers.CharField(max_length=80)
    repository = serializers.CharField(max_length=200, help_text="owner/name on the hub")
    revision = serializers.CharField(max_length=100, required=False)
    licence = serializers.CharField(max_length=100, required=False)


class ChangeBody(Strict):
    stage = serializers.ChoiceField(Stage.choices, required=False)
    note = serializers.CharField(required=False, allow_blank=True)


class MergeBody(Strict):
    base = serializers.IntegerField(help_text="Id of the model that the adapter was trained on")
    name = serializers.CharField(max_length=80, help_text="Of the whole model")


class PushRow(serializers.Serializer):
    id = serializers.IntegerField()
    repository = serializers.CharField(help_text="owner/name on the hub")
    private = serializers.BooleanField(help_text="As it was asked for where it was new")
    address = serializers.CharField(help_text="Of the commit; empty until it is there")
    job = serializers.IntegerField(source="job_id", allow_null=True)
    created_at = serializers.DateTimeField()
    pushed_at = serializers.DateTimeField(allow_null=True)


class PushBody(Strict):
    repository = serializers.CharField(max_length=200, help_text="owner/name on the hub")
    token = serializers.CharField(
        max_length=1000, help_text="May write there. Kept encrypted until the push has succeeded"
    )
    public = serializers.BooleanField(default=False, help_text="Whether everybody may fetch it")


class ModelsEndpoint(Endpoint):
    is_list = True
    serializer_class = ModelRow
    filters = {
        "kind": Filter("kind", choices=ModelKind.values),
        "stage": Filter("stage", choices=Stage.values),
        "state": Filter("state", choices=VersionState.values),
        "name": Filter("name", help="exactly"),
    }

    @extend_schema(summary="Registered models, newest first")
    def get(self, request: Request, slug: str) -> Response:
        return self.paged(models_in(api_workspace(request, slug, *READS)))

    @extend_schema(
        summary="Import a model from the hub", request=ImportBody, responses={201: ModelRow}
    )
    def post(self, request: Request, slug: str) -> Response:
        workspace = api_workspace(request, slug, *MANAGES)
        version = import_from_hub(
            workspace=workspace, by=person_of(request), **self.wanted(ImportBody)
        )
        return self.one(version, status=201)


class ModelEndpointView(Endpoint):
    serializer_class: type[serializers.Serializer] = OneModel

    @extend_schema(summary="One model with its files and parents")
    def get(self, request: Request, slug: str, model: int) -> Response:
        return self.one(_version(request, slug, model, READS))

    @extend_schema(
        summary="Change stage and note of a model", request=ChangeBody, responses={200: ModelRow}
    )
    def patch(self, request: Request, slug: str, model: int) -> Response:
        version = _version(request, slug, model, MANAGES)
        given = {"stage": version.stage, "note": version.note, **self.wanted(ChangeBody)}
        self.serializer_class = ModelRow
        return self.one(change_model(version=version, by=person_of(request), **given))

    @extend_schema(
        summary="Delete the files of a model; its entry and its lineage stay",
        responses={204: None},
    )
    def delete(self, request: Request, slug: str, model: int) -> Response:
        delete_model(version=_version(request, slug, model, MANAGES), by=person_of(request))
        return Response(status=204)


class MergeEndpoint(Endpoint):
    serializer_class = ModelRow

    @extend_schema(
        summary="Make a whole model of an adapter and its base; a job merges them",
        request=MergeBody,
        responses={201: ModelRow},
    )
    def post(self, request: Request, slug: str, model: int) -> Response:
        adapter = _version(request, slug, model, MANAGES)
        given = self.wanted(MergeBody)
        base = chosen(bases_for(adapter.workspace, adapter), given["base"], "base")
        made = merge_adapter(adapter=adapter, base=base, by=person_of(request), name=given["name"])
        return self.one(made, status=201)


class PushesEndpoint(Endpoint):
    is_list = True
    serializer_class = PushRow

    @extend_schema(summary="Where a model was pushed to, newest first")
    def get(self, request: Request, slug: str, model: int) -> Response:
        version = _version(request, slug, model, READS)
        return self.paged(HubPush.objects.filter(version=version))

    @extend_schema(
        summary="Push a model to the hub: its files and a card with its lineage leave this place",
        request=PushBody,
        responses={201: PushRow},
    )
    def post(self, request: Request, slug: str, model: int) -> Response:
        version = _version(request, slug, model, MANAGES)
        given = self.wanted(PushBody)
        private = not given.pop("public")
        push = push_model(version=version, by=person_of(request), private=private, **given)
        return self.one(push, status=201)


def _version(request: Request, slug: str, pk: int, roles: tuple[str, ...]) -> ModelVersion:
    found: ModelVersion = get_object_or_404(models_in(api_workspace(request, slug, *roles)), pk=pk)
    return found
