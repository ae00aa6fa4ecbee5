"""/api/v1/workspaces/<slug>/factory/: begin, watch, steer, review."""

from typing import Any

from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from annotation.prompt_filter import PromptFilter
from training.access import MANAGES, READS
from training.factory.actions.hold import hold_next
from training.factory.actions.review import CHECKS, LONGEST_REASON, Edited, accept, dismiss
from training.factory.actions.start_run import LONGEST_NAME, RunPlan, start_run
from training.factory.actions.steer import UNCHANGED, change_settings, go_on, stop_run
from training.factory.plan import KINDS, settings_of
from training.factory.queries import runs_in, where
from training.factory.report import report_of
from training.model_queries import askable
from training.models import Candidate, CandidateState, FactoryRun, FactoryStep, Wizard
from webapp.api.endpoint import Endpoint, Strict
from webapp.api.filters import Filter
from webapp.api.permissions import api_workspace
from webapp.workspaces.access import person_of


class FactoryRunRow(serializers.Serializer):
    id = serializers.IntegerField()
    name = serializers.CharField()
    wizard = serializers.ChoiceField(Wizard.choices, source="kind")
    model = serializers.CharField(source="endpoint.name")
    state = serializers.SerializerMethodField(
        help_text="going, waiting (for review), stopped, failed or done"
    )
    error = serializers.SerializerMethodField(help_text="Why its job failed")
    job = serializers.IntegerField(source="job_id", allow_null=True)
    waiting = serializers.IntegerField(help_text="Candidates that wait for review")
    accepted = serializers.IntegerField()
    created_at = serializers.DateTimeField()

    def get_state(self, run: FactoryRun) -> str:
        return where(run).key

    def get_error(self, run: FactoryRun) -> str:
        return run.job.error if run.job is not None else ""


class OneFactoryRun(FactoryRunRow):
    settings_version = serializers.SerializerMethodField()
    settings = serializers.SerializerMethodField(help_text="As they are now")
    budget = serializers.DecimalField(
        source="batch.budget", max_digits=14, decimal_places=6, allow_null=True
    )
    report = serializers.SerializerMethodField(help_text="Funnel, rejections, cost")

    def get_settings_version(self, run: FactoryRun) -> int:
        return settings_of(run)[0]

    def get_settings(self, run: FactoryRun) -> dict[str, Any]:
        return settings_of(run)[1].as_json()

    def get_report(self, run: FactoryRun) -> dict[str, Any]:
        return report_of(run)


class FactoryChangeBody(Strict):
    settings = serializers.DictField(
        required=False, help_text="Any of the run's settings; docs/self-instruct.md lists them"
    )
    budget = serializers.DecimalField(
        required=False, allow_null=True, max_digits=14, decimal_places=6, min_value=0
    )


class FactoryRunBody(FactoryChangeBody):
    name = serializers.CharField(max_length=LONGEST_NAME)
    wizard = serializers.ChoiceField(Wizard.choices)
    model = serializers.CharField(help_text="Name of a model that can be asked")
    seeds = serializers.DictField(required=False, help_text="A filter of prompts; empty: all")
    look_alikes = serializers.DictField(
        required=False, allow_null=True, help_text="A filter of prompts, for safe responses"
    )
    licence = serializers.CharField(required=False, allow_blank=True, max_length=100)


class CandidateRow(serializers.Serializer):
    id = serializers.IntegerField()
    step = serializers.ChoiceField(FactoryStep.choices)
    state = serializers.ChoiceField(CandidateState.choices)
    instruction = serializers.CharField(source="parent.text", default="", help_text="Of an answer")
    input = serializers.CharField()
    text = serializers.CharField()
    rule = serializers.CharField(help_text="The filter that rejected it")
    nearest = serializers.CharField(help_text="The most similar text of the pool")
    similarity = serializers.FloatField(allow_null=True)
    is_classification = serializers.BooleanField(allow_null=True)
    refuses = serializers.BooleanField(allow_null=True, help_text="By its words")
    reason = serializers.CharField(help_text="Of the person who rejected it")
    prompt = serializers.IntegerField(source="prompt_id", allow_null=True)
    demonstration = serializers.IntegerField(source="demonstration_id", allow_null=True)
    comparison = serializers.IntegerField(source="comparison_id", allow_null=True)


class CandidateBody(Strict):
    act = serializers.ChoiceField(["accept", "reject"])
    text = serializers.CharField(required=False, help_text="What stands instead")
    input = serializers.CharField(required=False, allow_blank=True)
    instruction = serializers.CharField(required=False)
    checks = serializers.ListField(
        child=serializers.ChoiceField(CHECKS), required=False, help_text="Of a refusal: all three"
    )
    reason = serializers.CharField(required=False, max_length=LONGEST_REASON)


class FactoryRunsEndpoint(Endpoint):
    is_list = True
    serializer_class = FactoryRunRow
    filters = {"wizard": Filter("kind", help="self_instruct or safe_responses")}

    @extend_schema(summary="Runs of the wizards, newest first", operation_id="api_factory_list")
    def get(self, request: Request, slug: str) -> Response:
        return self.paged(runs_in(api_workspace(request, slug, *READS)))

    @extend_schema(summary="Begin a run", request=FactoryRunBody, responses=OneFactoryRun)
    def post(self, request: Request, slug: str) -> Response:
        workspace = api_workspace(request, slug, *MANAGES)
        given = self.wanted(FactoryRunBody)
        model = askable(workspace).filter(name=given["model"]).first()
        if model is None:
            sentence = _("There is no model of this name here that can be asked.")
            raise serializers.ValidationError({"model": [sentence]})
        look_alikes = given.get("look_alikes")
        run = start_run(
            workspace=workspace,
            by=person_of(request),
            kind=given["wizard"],
            plan=RunPlan(
                name=given["name"],
                endpoint=model,
                settings=KINDS[given["wizard"]].from_json(given.get("settings", {})),
                seeds=PromptFilter.from_json(given.get("seeds", {})),
                look_alikes=None if look_alikes is None else PromptFilter.from_json(look_alikes),
                budget=given.get("budget"),
                licence=given.get("licence", ""),
            ),
        )
        self.serializer_class = OneFactoryRun
        return self.one(_run(workspace, run.pk), status=201)


class FactoryRunEndpoint(Endpoint):
    serializer_class = OneFactoryRun

    @extend_schema(summary="One run with its settings and report")
    def get(self, request: Request, slug: str, factory_run: int) -> Response:
        return self.one(_run(api_workspace(request, slug, *READS), factory_run))

    @extend_schema(summary="Change settings from the next request on", request=FactoryChangeBody)
    def patch(self, request: Request, slug: str, factory_run: int) -> Response:
        workspace = api_workspace(request, slug, *MANAGES)
        given = self.wanted(FactoryChangeBody)
        change_settings(
            run=_run(workspace, factory_run),
            by=person_of(request),
            changes=given.get("settings", {}),
            budget=given.get("budget", UNCHANGED),
        )
        return self.one(_run(workspace, factory_run))


class FactoryStopEndpoint(Endpoint):
    serializer_class = OneFactoryRun

    @extend_schema(summary="Stop a run; what was answered is kept", request=None)
    def post(self, request: Request, slug: str, factory_run: int) -> Response:
        workspace = api_workspace(request, slug, *MANAGES)
        stop_run(run=_run(workspace, factory_run), by=person_of(request))
        return self.one(_run(workspace, factory_run))


class FactoryGoOnEndpoint(Endpoint):
    serializer_class = OneFactoryRun

    @extend_schema(summary="Go on with a run that stands still", request=None)
    def post(self, request: Request, slug: str, factory_run: int) -> Response:
        workspace = api_workspace(request, slug, *MANAGES)
        go_on(run=_run(workspace, factory_run), by=person_of(request))
        return self.one(_run(workspace, factory_run))


class FactoryCandidatesEndpoint(Endpoint):
    is_list = True
    serializer_class = CandidateRow
    filters = {
        "state": Filter("state", help="rejected, kept, waiting, accepted or dismissed"),
        "step": Filter("step", help="instructions, instances, paraphrases, refusals ..."),
        "rule": Filter("rule", help="exactly"),
    }

    @extend_schema(summary="What the model wrote", operation_id="api_factory_candidates_list")
    def get(self, request: Request, slug: str, factory_run: int) -> Response:
        found = _run(api_workspace(request, slug, *READS), factory_run)
        rows = Candidate.objects.filter(run=found).select_related("parent")
        return self.paged(rows.order_by("pk"))


class NextCandidateRow(serializers.Serializer):
    candidate = CandidateRow(allow_null=True, help_text="null: nothing waits that is nobody else's")


class FactoryNextEndpoint(Endpoint):
    serializer_class = NextCandidateRow

    @extend_schema(
        summary="Take the next candidate to review; nobody else is shown it", request=None
    )
    def post(self, request: Request, slug: str, factory_run: int) -> Response:
        workspace = api_workspace(request, slug, *MANAGES)
        held = hold_next(run=_run(workspace, factory_run), by=person_of(request))
        return self.one({"candidate": held})


class FactoryCandidateEndpoint(Endpoint):
    serializer_class = CandidateRow

    @extend_schema(summary="Accept or reject what waits for a person", request=CandidateBody)
    def post(self, request: Request, slug: str, factory_run: int, candidate: int) -> Response:
        workspace = api_workspace(request, slug, *MANAGES)
        given = self.wanted(CandidateBody)
        found = get_object_or_404(Candidate, run=_run(workspace, factory_run), pk=candidate)
        if given["act"] == "accept":
            edited = Edited(given.get("text"), given.get("input"), given.get("instruction"))
            found = accept(
                candidate=found,
                by=person_of(request),
                edited=edited,
                checks=given.get("checks", ()),
            )
        else:
            found = dismiss(candidate=found, by=person_of(request), reason=given.get("reason", ""))
        return self.one(found)


def _run(workspace: Any, pk: int) -> FactoryRun:
    return get_object_or_404(runs_in(workspace), pk=pk)
