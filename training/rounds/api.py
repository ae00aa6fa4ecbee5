"""/api/v1/workspaces/<slug>/rounds/: begin, watch, steer."""

from typing import Any

from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from annotation.models import Board
from annotation.models.campaigns import Kind
from training.access import MANAGES, READS
from training.models import ModelKind, Round, Step, StepState
from training.rounds import page
from training.rounds.actions.start_round import start_round
from training.rounds.actions.steer import change_round, pause_round, resume_round, take_step
from training.rounds.plan import DATA, ROUND_RECIPES, RoundPlan
from training.rounds.queries import board_change, rounds_in, where
from training.run_queries import ready_models
from webapp.api.endpoint import Endpoint, Strict
from webapp.api.filters import Filter
from webapp.api.permissions import api_workspace
from webapp.workspaces.access import person_of


class StepRow(serializers.Serializer):
    step = serializers.ChoiceField(Step.choices)
    state = serializers.ChoiceField(StepState.choices)
    automatic = serializers.BooleanField(help_text="Begins by itself")
    error = serializers.CharField(help_text="Why it cannot go on; empty unless it failed")
    began_at = serializers.DateTimeField(allow_null=True)
    ended_at = serializers.DateTimeField(allow_null=True)


class RoundRow(serializers.Serializer):
    id = serializers.IntegerField()
    name = serializers.CharField(help_text="Of the loop")
    number = serializers.IntegerField()
    state = serializers.SerializerMethodField(
        help_text="running, hand (waits for you), paused, failed, stopped or done"
    )
    base = serializers.IntegerField(source="base_id", help_text="Id of the model that learns")
    model = serializers.IntegerField(source="model_id", allow_null=True, help_text="What came")
    previous = serializers.IntegerField(source="previous_id", allow_null=True)
    created_at = serializers.DateTimeField()
    ended_at = serializers.DateTimeField(allow_null=True)

    def get_state(self, found: Round) -> str:
        return where(found).key


class ChangeRow(serializers.Serializer):
    model = serializers.CharField()
    before = serializers.JSONField(allow_null=True, help_text="rating, low, high, votes ...")
    after = serializers.JSONField(allow_null=True)


class OneRound(RoundRow):
    plan: Any = serializers.JSONField(help_text="What was said when it began")
    steps = StepRow(many=True)
    waits_for = serializers.SerializerMethodField(help_text="What it waits for, in words")
    have = serializers.SerializerMethodField(help_text="Of what is waited for, where counted")
    want = serializers.SerializerMethodField()
    batch = serializers.IntegerField(source="batch_id", allow_null=True)
    campaign = serializers.IntegerField(source="campaign_id", allow_null=True)
    snapshots = serializers.SerializerMethodField(help_text="kind -> id")
    runs = serializers.SerializerMethodField(help_text="Ids, in order")
    answers = serializers.IntegerField(source="answers_id", allow_null=True)
    comparison = serializers.IntegerField(source="comparison_id", allow_null=True)
    board = serializers.IntegerField(source="board_id", allow_null=True)
    change = serializers.SerializerMethodField(help_text="The board before and after")
    next = serializers.SerializerMethodField(help_text="Id of the round that followed")

    def _here(self, found: Round) -> Any:
        context: Any = self.context
        seen: dict[int, Any] = context.setdefault("here", {})
        if found.pk not in seen:
            shown = page.shown_steps(found)
            seen[found.pk] = next((step.standing for step in shown if step.here), None)
        return seen[found.pk]

    def get_waits_for(self, found: Round) -> str:
        here = self._here(found)
        return (here.error or here.words) if here is not None else ""

    def get_have(self, found: Round) -> int | None:
        here = self._here(found)
        return here.have if here is not None else None

    def get_want(self, found: Round) -> int | None:
        here = self._here(found)
        return here.want if here is not None else None

    def get_snapshots(self, found: Round) -> dict[str, int]:
        return {each.kind: each.snapshot_id for each in found.snapshots.all()}

    def get_runs(self, found: Round) -> list[int]:
        return [each.run_id for each in found.runs.all()]

    def get_change(self, found: Round) -> list[dict[str, Any]]:
        if not (found.before and found.after):
            return []
        rows = board_change(found)
        return [{name: row[name] for name in ("model", "before", "after")} for row in rows]

    def get_next(self, found: Round) -> int | None:
        following = getattr(found, "next", None)
        return following.pk if following is not None else None


class SteerBody(Strict):
    judgements = serializers.IntegerField(
        required=False, allow_null=True, help_text="Train when there are so many; null: all tasks"
    )
    votes = serializers.IntegerField(
        required=False, allow_null=True, help_text="Comparisons to wait for; null: all of them"
    )
    automatic = serializers.ListField(
        child=serializers.ChoiceField(Step.choices),
        required=False,
        help_text="Steps that begin by themselves",
    )
    next_when = serializers.IntegerField(
        required=False,
        allow_null=True,
        help_text="Begin the next round when this is done and its campaign has so many judgements",
    )


class RoundBody(SteerBody):
    """Everything but the models is a setting of the plan; docs/rounds.md lists them."""

    name = serializers.CharField(max_length=40)
    result = serializers.CharField(max_length=80, help_text="Name of the new model")
    recipe = serializers.ChoiceField([(key, key) for key in ROUND_RECIPES])
    base = serializers.IntegerField(help_text="Id of the model that learns, and answers")
    models = serializers.ListField(
        child=serializers.IntegerField(), required=False, help_text="Earlier models that answer"
    )
    board = serializers.IntegerField(required=False, allow_null=True, help_text="None: a new one")
    prompts: Any = serializers.JSONField(required=False, help_text="A filter of prompts")
    most = serializers.IntegerField(required=False, allow_null=True)
    temperatures = serializers.ListField(child=serializers.FloatField(), required=False)
    samples = serializers.IntegerField(required=False)
    max_tokens = serializers.IntegerField(required=False, allow_null=True)
    earlier = serializers.IntegerField(required=False)
    kind = serializers.ChoiceField(
        [(Kind.COMPARISON, Kind.COMPARISON.label), (Kind.RANKING, Kind.RANKING.label)],
        required=False,
    )
    overlap = serializers.IntegerField(required=False)
    answers = serializers.IntegerField(required=False, help_text="In a ranking")
    guidelines = serializers.CharField(required=False, allow_blank=True, max_length=50_000)
    data = serializers.ChoiceField(  # type: ignore[assignment]  # a name of the plan's
        [(each, each) for each in DATA], required=False
    )
    ties = serializers.CharField(required=False)
    margins = serializers.CharField(required=False)
    validation_share = serializers.FloatField(required=False)
    demonstrations = serializers.IntegerField(required=False, allow_null=True)
    preset = serializers.CharField(required=False, allow_blank=True)
    seed = serializers.IntegerField(required=False)
    configs: Any = serializers.JSONField(required=False, help_text="Method -> settings")
    compare: Any = serializers.JSONField(required=False, help_text="A filter of prompts")
    compare_most = serializers.IntegerField(required=False)


class RoundsEndpoint(Endpoint):
    is_list = True
    serializer_class = RoundRow
    filters = {"name": Filter("name", help="exactly")}

    @extend_schema(summary="Rounds, newest first", operation_id="api_rounds_list")
    def get(self, request: Request, slug: str) -> Response:
        return self.paged(rounds_in(api_workspace(request, slug, *READS)))

    @extend_schema(summary="Begin a loop's next round", request=RoundBody, responses=OneRound)
    def post(self, request: Request, slug: str) -> Response:
        workspace = api_workspace(request, slug, *MANAGES)
        given = self.wanted(RoundBody)
        policies = {row.pk: row for row in ready_models(workspace, ModelKind.POLICY)}
        base = _known(policies, given.pop("base"), "base")
        earlier = [_known(policies, pk, "models") for pk in given.pop("models", [])]
        wanted = given.pop("board", None)
        boards = {row.pk: row for row in Board.objects.filter(workspace=workspace, pk=wanted)}
        board = _known(boards, wanted, "board") if wanted is not None else None
        found = start_round(
            workspace=workspace,
            by=person_of(request),
            plan=RoundPlan.from_json(given),
            base=base,
            earlier=earlier,
            board=board,
        )
        self.serializer_class = OneRound
        return self.one(_round(workspace, found.pk), status=201)


class RoundEndpoint(Endpoint):
    serializer_class = OneRound

    @extend_schema(summary="One round with its steps and what it waits for")
    def get(self, request: Request, slug: str, round: int) -> Response:
        return self.one(_round(api_workspace(request, slug, *READS), round))

    @extend_schema(summary="Change what it waits for and what begins by itself", request=SteerBody)
    def patch(self, request: Request, slug: str, round: int) -> Response:
        workspace = api_workspace(request, slug, *MANAGES)
        found = _round(workspace, round)
        change_round(found=found, by=person_of(request), changes=self.wanted(SteerBody))
        return self.one(_round(workspace, round))


class RoundStepEndpoint(Endpoint):
    serializer_class = OneRound

    @extend_schema(
        summary="Begin the next step, say that what people gave is enough, or try a failed one "
        "again; after the last step, begin the next round (the answer is that one)",
        request=None,
    )
    def post(self, request: Request, slug: str, round: int) -> Response:
        return _act(self, request, slug, round, take_step)


class RoundPauseEndpoint(Endpoint):
    serializer_class = OneRound

    @extend_schema(summary="Nothing more begins until it is resumed", request=None)
    def post(self, request: Request, slug: str, round: int) -> Response:
        return _act(self, request, slug, round, pause_round)


class RoundResumeEndpoint(Endpoint):
    serializer_class = OneRound

    @extend_schema(summary="Go on with a paused round", request=None)
    def post(self, request: Request, slug: str, round: int) -> Response:
        return _act(self, request, slug, round, resume_round)


def _act(endpoint: Endpoint, request: Request, slug: str, pk: int, act: Any) -> Response:
    workspace = api_workspace(request, slug, *MANAGES)
    found = act(found=_round(workspace, pk), by=person_of(request))
    return endpoint.one(_round(workspace, found.pk))


def _round(workspace: Any, pk: int) -> Round:
    return get_object_or_404(rounds_in(workspace).select_related("before", "after"), pk=pk)


def _known(rows: dict[int, Any], pk: int, name: str) -> Any:
    if pk not in rows:
        sentence = _("There is none of this id here that is ready.")
        raise serializers.ValidationError({name: [sentence]})
    return rows[pk]
