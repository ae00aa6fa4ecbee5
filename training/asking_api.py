"""/api/v1/workspaces/<slug>/ samplings/, trials/ and battles/: models for programs."""

import uuid
from typing import Any

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from annotation.models import Prompt
from annotation.models.judgements import Choice
from annotation.prompt_filter import PromptFilter
from training.access import MANAGES, READS, WORKS
from training.actions.ask import ask_again, stop_generation
from training.actions.battle import LONGEST_QUESTION, ask_on, start_battle, vote
from training.actions.sample import SamplePlan, sample
from training.actions.trial import TrialPlan, start_trial
from training.battle_view import SIDE_STATES, as_json
from training.generate.requests import LARGEST_SEED, Sampling
from training.model_queries import askable, batches_in, battles_of, trials_in
from training.models import BattleState, GenerationState, ModelEndpoint, TrialColumn
from webapp.api.endpoint import Endpoint, Strict
from webapp.api.permissions import api_workspace
from webapp.workspaces.access import person_of


class SamplingRow(serializers.Serializer):
    id = serializers.IntegerField()
    name = serializers.CharField()
    job = serializers.IntegerField(source="job_id", allow_null=True)
    total = serializers.IntegerField(help_text="Requests")
    answered = serializers.IntegerField()
    failed = serializers.IntegerField()
    settings: Any = serializers.JSONField()
    created_at = serializers.DateTimeField()


class SamplingBody(Strict):
    name = serializers.CharField(max_length=100)
    models = serializers.ListField(
        child=serializers.CharField(), min_length=1, max_length=50, help_text="Names"
    )
    prompts = serializers.DictField(
        required=False, help_text="A filter of prompts, as exports write it; empty: all"
    )
    temperatures = serializers.ListField(
        child=serializers.FloatField(min_value=0, max_value=2),
        min_length=1,
        max_length=10,
        default=[0.7],
    )
    seeds = serializers.ListField(
        child=serializers.IntegerField(min_value=0, max_value=LARGEST_SEED),
        min_length=1,
        max_length=10,
        default=[0],
    )
    samples = serializers.IntegerField(default=1, min_value=1, max_value=64)
    top_p = serializers.FloatField(default=1.0, min_value=0.01, max_value=1)
    max_tokens = serializers.IntegerField(
        default=None, allow_null=True, min_value=1, max_value=32_768
    )
    most = serializers.IntegerField(default=None, allow_null=True, min_value=1)
    budget = serializers.DecimalField(
        default=None, allow_null=True, max_digits=14, decimal_places=6, min_value=0
    )


class TrialBody(Strict):
    prompt = serializers.CharField(max_length=100_000)
    system = serializers.CharField(max_length=20_000, required=False, default="")
    models = serializers.ListField(
        child=serializers.CharField(), min_length=1, max_length=8, help_text="Names"
    )
    temperature = serializers.FloatField(default=0.7, min_value=0, max_value=2)
    top_p = serializers.FloatField(default=1.0, min_value=0.01, max_value=1)
    max_tokens = serializers.IntegerField(default=512, min_value=1, max_value=32_768)
    seed = serializers.IntegerField(default=0, min_value=0, max_value=LARGEST_SEED)


class ColumnRow(serializers.Serializer):
    id = serializers.IntegerField()
    model = serializers.CharField(source="endpoint.name")
    state = serializers.ChoiceField(GenerationState.choices, source="generation.state")
    text = serializers.CharField(source="generation.text")
    error = serializers.CharField(source="generation.error")
    finish = serializers.CharField(source="generation.finish")
    tokens_in = serializers.IntegerField(source="generation.tokens_in")
    tokens_out = serializers.IntegerField(source="generation.tokens_out")
    cost = serializers.DecimalField(source="generation.cost", max_digits=14, decimal_places=6)


class TrialRow(serializers.Serializer):
    id = serializers.IntegerField()
    messages: Any = serializers.JSONField()
    settings: Any = serializers.JSONField()
    answers = ColumnRow(source="columns.all", many=True)
    created_at = serializers.DateTimeField()


class ColumnBody(Strict):
    act = serializers.ChoiceField(["again", "stop"])


class SideRow(serializers.Serializer):
    letter = serializers.CharField(help_text="A is shown left")
    state = serializers.ChoiceField(SIDE_STATES)
    text = serializers.CharField()
    reason = serializers.CharField(help_text="Why there is no answer, without names")


class BattleTurnRow(serializers.Serializer):
    number = serializers.IntegerField()
    text = serializers.CharField()
    answers = SideRow(many=True)


class BattleRow(serializers.Serializer):
    """Blind until the vote: `models` is null before it."""

    key = serializers.UUIDField()
    state = serializers.ChoiceField(BattleState.choices)
    turns = BattleTurnRow(many=True)
    models = serializers.DictField(
        child=serializers.CharField(), allow_null=True, help_text="Letter to name, after the vote"
    )
    leaked = serializers.BooleanField(allow_null=True, help_text="An answer named its model")
    choice = serializers.ChoiceField(Choice.choices, allow_null=True)


class QuestionBody(Strict):
    text = serializers.CharField(max_length=LONGEST_QUESTION)


class BattleBody(Strict):
    text = serializers.CharField(
        max_length=LONGEST_QUESTION,
        default="",
        allow_blank=True,
        help_text="Empty: a prompt of the collection",
    )


class VoteBody(Strict):
    choice = serializers.ChoiceField(Choice.choices)
    key = serializers.UUIDField(help_text="Made by you, once per vote; sent again it is harmless")


def _named(workspace: Any, names: list[str]) -> tuple[ModelEndpoint, ...]:
    known = {model.name: model for model in askable(workspace)}
    unknown = [name for name in names if name not in known]
    if unknown:
        allowed = ", ".join(known) or "none"
        raise serializers.ValidationError(
            {"models": [f"There is no model {unknown[0][:100]!r} to ask. Allowed: {allowed}."]}
        )
    return tuple(known[name] for name in dict.fromkeys(names))


class SamplingsEndpoint(Endpoint):
    is_list = True
    serializer_class = SamplingRow
    sorts = {"id": "pk", "name": "name"}

    @extend_schema(summary="Sampled answers: jobs that ask models")
    def get(self, request: Request, slug: str) -> Response:
        return self.paged(batches_in(api_workspace(request, slug, *READS)))

    @extend_schema(
        summary="Have models answer prompts", request=SamplingBody, responses={201: SamplingRow}
    )
    def post(self, request: Request, slug: str) -> Response:
        workspace = api_workspace(request, slug, *MANAGES)
        given = self.wanted(SamplingBody)
        chosen = PromptFilter.from_json(given.get("prompts") or {})
        plan = SamplePlan(
            name=given["name"],
            endpoints=_named(workspace, given["models"]),
            temperatures=tuple(given["temperatures"]),
            seeds=tuple(given["seeds"]),
            samples=given["samples"],
            top_p=given["top_p"],
            max_tokens=given["max_tokens"],
            budget=given["budget"],
            most=given["most"],
            filter=chosen.as_json(),
        )
        prompts = chosen.apply(Prompt.objects.filter(workspace=workspace))
        batch = sample(workspace=workspace, by=person_of(request), plan=plan, prompts=prompts)
        return self.one(batches_in(workspace).get(pk=batch.pk), status=201)


class TrialsEndpoint(Endpoint):
    serializer_class = TrialRow

    @extend_schema(
        summary="Ask several models the same", request=TrialBody, responses={201: TrialRow}
    )
    def post(self, request: Request, slug: str) -> Response:
        workspace = api_workspace(request, slug, *MANAGES)
        given = self.wanted(TrialBody)
        system = [{"role": "system", "content": given["system"]}] if given["system"] else []
        plan = TrialPlan(
            messages=[*system, {"role": "user", "content": given["prompt"]}],
            endpoints=_named(workspace, given["models"]),
            sampling=Sampling(
                given["temperature"], given["top_p"], given["max_tokens"], given["seed"]
            ),
        )
        trial = start_trial(workspace=workspace, by=person_of(request), plan=plan)
        return self.one(_with_columns(workspace, trial.pk), status=201)


class TrialEndpoint(Endpoint):
    serializer_class = TrialRow

    @extend_schema(summary="The answers so far; ask again until all have ended")
    def get(self, request: Request, slug: str, trial: int) -> Response:
        return self.one(_with_columns(api_workspace(request, slug, *MANAGES), trial))


class ColumnEndpoint(Endpoint):
    serializer_class = TrialRow

    @extend_schema(
        summary="Ask one model of a trial again that gave no answer, or stop it",
        request=ColumnBody,
        responses={200: TrialRow},
    )
    def post(self, request: Request, slug: str, trial: int, column: int) -> Response:
        workspace = api_workspace(request, slug, *MANAGES)
        columns = TrialColumn.objects.select_related("generation__endpoint")
        found = get_object_or_404(columns, trial__workspace=workspace, trial_id=trial, pk=column)
        acts = {"again": ask_again, "stop": stop_generation}
        acts[self.wanted(ColumnBody)["act"]](generation=found.generation)
        return self.one(_with_columns(workspace, trial))


def _with_columns(workspace: Any, pk: int) -> Any:
    trials = trials_in(workspace).prefetch_related("columns__endpoint", "columns__generation")
    return get_object_or_404(trials, pk=pk)


class BattlesEndpoint(Endpoint):
    serializer_class = BattleRow

    @extend_schema(
        summary="Ask two models whose names you learn after your vote",
        request=BattleBody,
        responses={201: BattleRow},
    )
    def post(self, request: Request, slug: str) -> Response:
        workspace = api_workspace(request, slug, *WORKS)
        text = self.wanted(BattleBody)["text"]
        battle = start_battle(workspace=workspace, by=person_of(request), text=text)
        return self.one(as_json(battle), status=201)


class BattleEndpoint(Endpoint):
    serializer_class = BattleRow

    @extend_schema(summary="Your battle: answers as far as both have come")
    def get(self, request: Request, slug: str, battle: uuid.UUID) -> Response:
        return self.one(as_json(_own(request, slug, battle)))

    @extend_schema(
        operation_id="workspaces_battles_ask_on",
        summary="Ask both another question",
        request=QuestionBody,
        responses={200: BattleRow},
    )
    def post(self, request: Request, slug: str, battle: uuid.UUID) -> Response:
        found = _own(request, slug, battle)
        ask_on(battle=found, by=person_of(request), text=self.wanted(QuestionBody)["text"])
        return self.one(as_json(found))


class VoteEndpoint(Endpoint):
    serializer_class = BattleRow

    @extend_schema(
        summary="Vote, and learn the names", request=VoteBody, responses={200: BattleRow}
    )
    def post(self, request: Request, slug: str, battle: uuid.UUID) -> Response:
        found = _own(request, slug, battle)
        given = self.wanted(VoteBody)
        voted = vote(battle=found, by=person_of(request), choice=given["choice"], key=given["key"])
        return self.one(as_json(voted))


def _own(request: Request, slug: str, key: uuid.UUID) -> Any:
    workspace = api_workspace(request, slug, *WORKS)
    mine = battles_of(person_of(request), workspace).select_related("comparison")
    return get_object_or_404(mine, key=key)
