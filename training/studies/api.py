"""/api/v1/workspaces/<slug>/studies/: begin one, read what it found, have its models compared."""

from typing import Any

from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from training.access import MANAGES, READS
from training.api_chosen import chosen
from training.models import ModelKind, Study
from training.queries import ready_snapshots
from training.run_queries import ready_models
from training.studies.actions.compare_models import ask_models, open_comparison
from training.studies.actions.start_study import start_study
from training.studies.form import KINDS
from training.studies.plan import METHODS, StudyPlan
from training.studies.queries import studies_in, where
from training.studies.results import found_in
from webapp.api.endpoint import Endpoint, Strict
from webapp.api.filters import Filter
from webapp.api.permissions import api_workspace
from webapp.workspaces.access import person_of


class StudyRow(serializers.Serializer):
    id = serializers.IntegerField()
    name = serializers.CharField()
    method = serializers.CharField(help_text=", ".join(METHODS))
    state = serializers.SerializerMethodField(
        help_text="training, stopped, trained, answering, answered, comparing or done"
    )
    snapshot = serializers.IntegerField(source="snapshot_id")
    base = serializers.IntegerField(source="base_id")
    draw = serializers.IntegerField(help_text="Seeds the order of rows, and every run")
    answers = serializers.IntegerField(source="answers_id", allow_null=True)
    comparison = serializers.IntegerField(source="comparison_id", allow_null=True)
    created_at = serializers.DateTimeField()

    def get_state(self, study: Study) -> str:
        return where(study).key


class ShareRow(serializers.Serializer):
    value = serializers.FloatField()
    low = serializers.FloatField()
    high = serializers.FloatField()
    n = serializers.IntegerField()


class PointRow(serializers.Serializer):
    wanted = serializers.IntegerField(help_text="Rows that were asked for")
    rows = serializers.IntegerField(allow_null=True, help_text="Rows that the run was given")
    run = serializers.IntegerField()
    model = serializers.IntegerField(allow_null=True)
    accuracy = ShareRow(allow_null=True, help_text="Held-out pairs in people's order")
    loss = serializers.FloatField(allow_null=True, help_text="On the validation rows")
    wins = ShareRow(allow_null=True, help_text="Against the base, by people's votes; Wilson, 95 %")


class OneStudy(StudyRow):
    points = serializers.SerializerMethodField(help_text="One for each size, the smallest first")

    @extend_schema_field(PointRow(many=True))
    def get_points(self, study: Study) -> list[dict[str, Any]]:
        return [
            {
                "wanted": row.wanted,
                "rows": row.rows,
                "run": row.run.pk,
                "model": row.model.pk if row.model else None,
                "accuracy": row.accuracy._asdict() if row.accuracy else None,
                "loss": row.loss,
                "wins": row.wins._asdict() if row.wins else None,
            }
            for row in found_in(study)
        ]


class StudyBody(Strict):
    name = serializers.CharField(max_length=60)
    method = serializers.CharField(max_length=12)
    base = serializers.IntegerField(help_text="Id of the model that every run begins from")
    snapshot = serializers.IntegerField(help_text="Id of a frozen snapshot with validation rows")
    sizes = serializers.ListField(child=serializers.IntegerField(), help_text="Training rows")
    draw = serializers.IntegerField(required=False)
    config: Any = serializers.JSONField(required=False, help_text="training, lora, settings ...")


class StudiesEndpoint(Endpoint):
    is_list = True
    serializer_class = StudyRow
    filters = {"name": Filter("name", help="exactly"), "method": Filter("method", choices=METHODS)}

    @extend_schema(summary="Data-budget studies, newest first", operation_id="api_studies_list")
    def get(self, request: Request, slug: str) -> Response:
        return self.paged(studies_in(api_workspace(request, slug, *READS)))

    @extend_schema(
        summary="Launch the same run on nested parts of a snapshot",
        request=StudyBody,
        responses={201: OneStudy},
    )
    def post(self, request: Request, slug: str) -> Response:
        workspace = api_workspace(request, slug, *MANAGES)
        given = self.wanted(StudyBody)
        config = given.get("config") or {}
        if not isinstance(config, dict):
            raise serializers.ValidationError({"config": [_("An object of settings is expected.")]})
        plan = StudyPlan(
            name=given["name"],
            method=given["method"],
            base=chosen(ready_models(workspace, ModelKind.POLICY), given["base"], "base"),
            snapshot=chosen(ready_snapshots(workspace, *KINDS), given["snapshot"], "snapshot"),
            sizes=tuple(given["sizes"]),
            draw=given.get("draw", 0),
            config=config,
        )
        study = start_study(workspace=workspace, by=person_of(request), plan=plan)
        self.serializer_class = OneStudy
        return self.one(_study(workspace, study.pk), status=201)


class StudyEndpoint(Endpoint):
    serializer_class = OneStudy

    @extend_schema(summary="A study and what it found at each size")
    def get(self, request: Request, slug: str, study: int) -> Response:
        return self.one(_study(api_workspace(request, slug, *READS), study))


class StudyCompareEndpoint(Endpoint):
    serializer_class = OneStudy

    @extend_schema(
        summary="What is next for a win rate: the models answer held-out prompts; then people "
        "compare each with the base",
        request=None,
    )
    def post(self, request: Request, slug: str, study: int) -> Response:
        workspace = api_workspace(request, slug, *MANAGES)
        found = _study(workspace, study)
        act: Any = ask_models if found.answers_id is None else open_comparison
        act(study=found, by=person_of(request))
        return self.one(_study(workspace, study))


def _study(workspace: Any, pk: int) -> Study:
    return get_object_or_404(studies_in(workspace), pk=pk)
