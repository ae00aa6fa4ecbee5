"""/api/v1/workspaces/<slug>/runs/: launch, watch, stop, resume."""

from typing import Any

from django.core.exceptions import ValidationError
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from training import curves
from training.access import MANAGES, READS
from training.actions.launch import LaunchPlan, launch
from training.api_chosen import chosen
from training.models import Method, Outcome, Purpose, TrainingRun
from training.queries import ready_snapshots
from training.run_queries import ready_models, runs_in
from training.snapshot_parts import Part, seed_of
from webapp.api.endpoint import Endpoint, Strict
from webapp.api.filters import Filter
from webapp.api.permissions import api_workspace
from webapp.jobs.actions.cancel import cancel
from webapp.jobs.actions.retry import retry
from webapp.workspaces.access import person_of


class RunRow(serializers.Serializer):
    id = serializers.IntegerField()
    name = serializers.CharField()
    method = serializers.ChoiceField(Method.choices)
    purpose = serializers.ChoiceField(Purpose.choices)
    state = serializers.CharField(help_text="waiting, queued, running, done, failed, cancelled")
    outcome = serializers.ChoiceField(Outcome.choices, help_text="Empty until an attempt ended")
    sentence = serializers.CharField(help_text="Why it ended badly, and what to do")
    phase = serializers.CharField()
    step = serializers.IntegerField()
    total = serializers.IntegerField(allow_null=True)
    eta_seconds = serializers.FloatField(allow_null=True)
    job = serializers.IntegerField(source="job_id", allow_null=True)
    created_at = serializers.DateTimeField()
    ended_at = serializers.DateTimeField(allow_null=True)


class OneRun(RunRow):
    config: Any = serializers.JSONField(help_text="The exact run.json, paths apart")
    result: Any = serializers.JSONField(help_text="result.json")
    models = serializers.SerializerMethodField(help_text="Models that came of it")

    def get_models(self, run: TrainingRun) -> list[int]:
        return [version.pk for version in run.versions.all()]


class RunBody(Strict):
    name = serializers.CharField(max_length=80)
    method = serializers.ChoiceField(Method.choices)
    purpose = serializers.ChoiceField(Purpose.choices, required=False)
    base = serializers.IntegerField(help_text="Id of the model to begin from")
    adapter = serializers.IntegerField(
        required=False, help_text="Id of an adapter, merged into the base first"
    )
    reward = serializers.IntegerField(required=False, help_text="Id of the reward model")
    reward_adapter = serializers.IntegerField(
        required=False, help_text="Id of an adapter with its head, merged into the reward model"
    )
    snapshots = serializers.DictField(
        child=serializers.IntegerField(), help_text="Role (train, prompts ...) -> id of a snapshot"
    )
    config: Any = serializers.JSONField(
        required=False, help_text="Of run.json: seed, lora, quantization, training, settings"
    )
    result_name = serializers.CharField(max_length=80, required=False)
    rows = serializers.IntegerField(required=False, help_text="Learn from so many rows at most")


class RunsEndpoint(Endpoint):
    is_list = True
    serializer_class = RunRow
    filters = {
        "method": Filter("method", choices=Method.values),
        "purpose": Filter("purpose", choices=Purpose.values),
        "outcome": Filter("outcome", choices=Outcome.values),
    }

    @extend_schema(summary="Runs, newest first")
    def get(self, request: Request, slug: str) -> Response:
        return self.paged(runs_in(api_workspace(request, slug, *READS)))

    @extend_schema(summary="Launch a run", request=RunBody, responses={201: OneRun})
    def post(self, request: Request, slug: str) -> Response:
        workspace = api_workspace(request, slug, *MANAGES)
        given = self.wanted(RunBody)
        models = {
            role: chosen(ready_models(workspace), given[role], role)
            for role in ("base", "adapter", "reward", "reward_adapter")
            if role in given
        }
        data = {
            role: chosen(ready_snapshots(workspace), pk, f"snapshots.{role}")
            for role, pk in given["snapshots"].items()
        }
        config = given.get("config") or {}
        if not isinstance(config, dict):
            raise ValidationError(_("config must be an object with named settings."))
        plan = LaunchPlan(
            name=given["name"],
            method=given["method"],
            models=models,
            data=data,
            config=config,
            part=Part(given["rows"], seed_of(config)) if "rows" in given else None,
            result_name=given.get("result_name", ""),
            purpose=given.get("purpose", Purpose.RUN),
        )
        run = launch(workspace=workspace, by=person_of(request), plan=plan)
        self.serializer_class = OneRun
        return self.one(run, status=201)


class RunEndpoint(Endpoint):
    serializer_class = OneRun

    @extend_schema(summary="One run, with its progress")
    def get(self, request: Request, slug: str, run: int) -> Response:
        return self.one(_run(request, slug, run, READS))


class RunMetricsEndpoint(Endpoint):
    """name -> {"steps": [...], "values": [...]}"""

    serializer_class = OneRun

    @extend_schema(
        summary="The figures of a run, thinned to what a screen shows",
        parameters=[
            OpenApiParameter("name", str, description="One figure; not given: all"),
            OpenApiParameter("after", int, description="Only later steps"),
        ],
        responses={200: OpenApiTypes.OBJECT},
    )
    def get(self, request: Request, slug: str, run: int) -> Response:
        found = _run(request, slug, run, READS)
        name, after = request.GET.get("name", "")[:60], request.GET.get("after", "-1")
        after_step = int(after) if after.isdecimal() and len(after) < 19 else -1
        lines = curves.points([found.pk], [name] if name else [], after=after_step)
        return Response(
            {
                name: {"steps": [s for s, _v in line], "values": [v for _s, v in line]}
                for (_run_id, name), line in lines.items()
            }
        )


class RunStopEndpoint(Endpoint):
    serializer_class = OneRun

    @extend_schema(summary="Stop a run; what was done is kept", request=None)
    def post(self, request: Request, slug: str, run: int) -> Response:
        return self.one(_act(request, slug, run, cancel))


class RunResumeEndpoint(Endpoint):
    serializer_class = OneRun

    @extend_schema(summary="Go on with a stopped or failed run", request=None)
    def post(self, request: Request, slug: str, run: int) -> Response:
        return self.one(_act(request, slug, run, retry))


def _run(request: Request, slug: str, pk: int, roles: tuple[str, ...]) -> TrainingRun:
    return get_object_or_404(runs_in(api_workspace(request, slug, *roles)), pk=pk)


def _act(request: Request, slug: str, pk: int, act: Any) -> TrainingRun:
    run = _run(request, slug, pk, MANAGES)
    if run.job is None:
        raise ValidationError(_("This run waits for another one; it has not begun."))
    act(job=run.job, by=person_of(request))
    return _run(request, slug, pk, MANAGES)
