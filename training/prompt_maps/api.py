"""/api/v1/workspaces/<slug>/maps/: ask for a map of prompts, read it, tag what is on it."""

from typing import Any

from django.core.exceptions import ValidationError
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from training.access import MANAGES, READS
from training.api_chosen import chosen
from training.models import MapPoint, ModelKind, PromptMap
from training.prompt_maps.actions.start_map import delete_map, start_map
from training.prompt_maps.actions.tag_points import tag_points
from training.prompt_maps.form import MOST_PICKED
from training.prompt_maps.plan import (
    LARGEST_SEED,
    LONGEST_NAME,
    MOST_PROMPTS,
    MOST_SETS,
    USUAL_MOST,
    USUAL_PERPLEXITY,
    MapPlan,
    data_set,
)
from training.prompt_maps.queries import map_of, maps_in, views_for
from training.run_queries import ready_models
from webapp.api.endpoint import Endpoint, Strict
from webapp.api.filters import Filter
from webapp.api.permissions import api_workspace
from webapp.workspaces.access import person_of

SETS_HELP = (
    "all, source:NAME, tag:NAME, split:NAME, language:CODE, use_case:NAME, view:ID or snapshot:ID"
)


class MapRow(serializers.Serializer):
    id = serializers.IntegerField()
    name = serializers.CharField()
    model = serializers.IntegerField(source="version_id", help_text="Id of the embedding model")
    sets: Any = serializers.JSONField(help_text="Name and filter or snapshot of each data set")
    perplexity = serializers.FloatField(help_text="As asked for; the report has what was used")
    seed = serializers.IntegerField()
    most = serializers.IntegerField(help_text="Prompts of each set, at most")
    job = serializers.IntegerField(source="job_id", allow_null=True)
    report: Any = serializers.JSONField(
        help_text="Empty until it is drawn: points, prompts and left_out of each set, perplexity, "
        "trustworthiness, neighbours, divergence, embedded, seconds"
    )
    created_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)


class MapBody(Strict):
    name = serializers.CharField(max_length=LONGEST_NAME)
    model = serializers.IntegerField(help_text="Id of an embedding model that is ready")
    sets = serializers.ListField(
        child=serializers.CharField(max_length=220), max_length=MOST_SETS, help_text=SETS_HELP
    )
    perplexity = serializers.FloatField(required=False)
    seed = serializers.IntegerField(required=False, min_value=0, max_value=LARGEST_SEED)
    most = serializers.IntegerField(required=False, min_value=10, max_value=MOST_PROMPTS)


class MapPointRow(serializers.Serializer):
    number = serializers.IntegerField()
    x = serializers.FloatField()
    y = serializers.FloatField()
    prompts = serializers.ListField(child=serializers.IntegerField(), help_text="Their ids")
    counts = serializers.ListField(child=serializers.IntegerField(), help_text="In each data set")


class TagBody(Strict):
    points = serializers.ListField(
        child=serializers.IntegerField(min_value=0), max_length=MOST_PICKED, help_text="Numbers"
    )
    tag = serializers.CharField(max_length=60)


class TaggedRow(serializers.Serializer):
    edit = serializers.IntegerField(help_text="The change; it can be undone")
    job = serializers.IntegerField(allow_null=True, help_text="When so many are tagged by a job")
    changed = serializers.IntegerField(help_text="Prompts tagged so far")


class MapsEndpoint(Endpoint):
    is_list = True
    serializer_class = MapRow
    filters = {"name": Filter("name", help="exactly")}

    @extend_schema(summary="Maps of prompts, newest first", operation_id="api_maps_list")
    def get(self, request: Request, slug: str) -> Response:
        return self.paged(maps_in(api_workspace(request, slug, *READS)))

    @extend_schema(
        summary="Draw a map of prompts: embed their texts, lay them out by t-SNE",
        request=MapBody,
        responses={201: MapRow},
    )
    def post(self, request: Request, slug: str) -> Response:
        workspace = api_workspace(request, slug, *MANAGES)
        given, by = self.wanted(MapBody), person_of(request)
        views = views_for(workspace, by)
        models = ready_models(workspace, ModelKind.EMBEDDER)
        try:
            sets = [data_set(workspace, key, views) for key in given["sets"]]
        except ValidationError as refused:
            raise serializers.ValidationError({"sets": refused.messages}) from None
        plan = MapPlan(
            name=given["name"],
            version=chosen(models, given["model"], "model"),
            sets=sets,
            perplexity=given.get("perplexity", USUAL_PERPLEXITY),
            seed=given.get("seed", 0),
            most=given.get("most", USUAL_MOST),
        )
        row = start_map(workspace=workspace, by=by, plan=plan)
        return self.one(row, status=201)


class MapEndpoint(Endpoint):
    serializer_class = MapRow

    @extend_schema(summary="A map and its report")
    def get(self, request: Request, slug: str, map: int) -> Response:
        return self.one(map_of(api_workspace(request, slug, *READS), map))

    @extend_schema(summary="Delete a map; prompts and embeddings stay", responses={204: None})
    def delete(self, request: Request, slug: str, map: int) -> Response:
        row = map_of(api_workspace(request, slug, *MANAGES), map)
        delete_map(row=row, by=person_of(request))
        return Response(status=204)


class MapPointsEndpoint(Endpoint):
    is_list = True
    serializer_class = MapPointRow

    @extend_schema(summary="Where a map's texts are", operation_id="api_map_points_list")
    def get(self, request: Request, slug: str, map: int) -> Response:
        row = map_of(api_workspace(request, slug, *READS), map)
        return self.paged(MapPoint.objects.filter(map=row).order_by("number"))


class MapTagEndpoint(Endpoint):
    serializer_class = TaggedRow

    @extend_schema(
        summary="Tag the prompts of some points", request=TagBody, responses={201: TaggedRow}
    )
    def post(self, request: Request, slug: str, map: int) -> Response:
        row: PromptMap = map_of(api_workspace(request, slug, *MANAGES), map)
        given = self.wanted(TagBody)
        edit = tag_points(row=row, by=person_of(request), points=given["points"], tag=given["tag"])
        said = {"edit": edit.pk, "job": edit.job_id, "changed": edit.changed}
        return self.one(said, status=201)
