"""/api/v1/workspaces/<slug>/scorings/: reward models score answers that are there."""

from typing import Any

from django.core.exceptions import ValidationError
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from training.access import MANAGES, READS
from training.api_chosen import chosen
from training.models import Batch, ModelKind, Scoring, Trial
from training.run_queries import ready_models
from training.scoring.actions.let_people_check import let_people_check
from training.scoring.actions.start_scoring import start_scoring
from training.scoring.actions.tag_by_score import tag_by_score
from training.scoring.queries import scores_of_trial, summaries
from webapp.api.endpoint import Endpoint, Strict
from webapp.api.permissions import api_workspace
from webapp.workspaces.access import person_of


class ScoringRow(serializers.Serializer):
    id = serializers.IntegerField()
    reward = serializers.IntegerField(source="reward_id", help_text="Id of the reward model")
    sampling = serializers.IntegerField(source="batch_id", allow_null=True)
    trial = serializers.IntegerField(source="trial_id", allow_null=True)
    job = serializers.IntegerField(source="job_id", allow_null=True)
    campaign = serializers.IntegerField(
        source="check_campaign_id", allow_null=True, help_text="In which people check it"
    )
    created_at = serializers.DateTimeField()


class OneScoring(ScoringRow):
    found = serializers.SerializerMethodField(
        help_text="Of a sampling: answers, prompts, mean, best and how often people agreed; of a "
        "trial: its scores by answer"
    )

    def get_found(self, scoring: Scoring) -> dict[str, Any]:
        if scoring.trial is not None:
            rows = scores_of_trial(scoring.trial)
            return {str(answer): scores for answer, scores in rows.items()}
        assert scoring.batch is not None
        for one in summaries(scoring.batch):
            if one.scoring.pk == scoring.pk:
                agreed = one.agreed._asdict() if one.agreed is not None else None
                names = ("answers", "unreadable", "prompts", "mean", "best")
                return {**{name: getattr(one, name) for name in names}, "agreed": agreed}
        return {}


class ScoringBody(Strict):
    reward = serializers.IntegerField(help_text="Id of a reward model")
    sampling = serializers.IntegerField(required=False)
    trial = serializers.IntegerField(required=False)


class CheckBody(Strict):
    name = serializers.CharField(max_length=100)
    overlap = serializers.IntegerField(min_value=1, max_value=20, default=1)


class ScoreTagBody(Strict):
    tag = serializers.CharField(max_length=60)
    least = serializers.FloatField(
        required=False, help_text="Prompts whose best answer scores less than this"
    )
    lowest = serializers.FloatField(
        required=False, help_text="Instead: this share (0 to 1) of the prompts, the lowest"
    )


class ScoreTagged(serializers.Serializer):
    tag = serializers.CharField(source="value")
    changed = serializers.IntegerField(help_text="Prompts that have it now and had not before")
    job = serializers.IntegerField(source="job_id", allow_null=True, help_text="Of very many")


class ScoringsEndpoint(Endpoint):
    is_list = True
    serializer_class: type[serializers.Serializer] = ScoringRow

    @extend_schema(summary="What reward models have scored, newest first")
    def get(self, request: Request, slug: str) -> Response:
        workspace = api_workspace(request, slug, *READS)
        return self.paged(Scoring.objects.filter(workspace=workspace).order_by("-pk"))

    @extend_schema(
        summary="Have a reward model score a sampling or a trial",
        request=ScoringBody,
        responses={201: ScoringRow},
    )
    def post(self, request: Request, slug: str) -> Response:
        workspace = api_workspace(request, slug, *MANAGES)
        given = self.wanted(ScoringBody)
        if ("sampling" in given) == ("trial" in given):
            raise ValidationError(_("Give a sampling or a trial."))
        rewards = ready_models(workspace, ModelKind.REWARD)
        of: dict[str, Any] = {}
        if "sampling" in given:
            batches = Batch.objects.filter(workspace=workspace)
            of["batch"] = chosen(batches, given["sampling"], "sampling")
        else:
            trials = Trial.objects.filter(workspace=workspace)
            of["trial"] = chosen(trials, given["trial"], "trial")
        reward = chosen(rewards, given["reward"], "reward")
        return self.one(start_scoring(reward=reward, by=person_of(request), **of), status=201)


class ScoringEndpoint(Endpoint):
    serializer_class = OneScoring

    @extend_schema(summary="One scoring, with what it found")
    def get(self, request: Request, slug: str, scoring: int) -> Response:
        return self.one(_scoring(request, slug, scoring, READS))


class ScoringCheckEndpoint(Endpoint):
    serializer_class = OneScoring

    @extend_schema(
        summary="Let people compare what the reward model would choose with another answer",
        request=CheckBody,
        responses={201: OneScoring},
    )
    def post(self, request: Request, slug: str, scoring: int) -> Response:
        found = _scoring(request, slug, scoring, MANAGES)
        let_people_check(scoring=found, by=person_of(request), **self.wanted(CheckBody))
        return self.one(_scoring(request, slug, scoring, MANAGES), status=201)


class ScoringTagEndpoint(Endpoint):
    serializer_class = ScoreTagged

    @extend_schema(
        summary="Tag the prompts of a sampling whose best answer scores low",
        request=ScoreTagBody,
        responses={200: ScoreTagged},
    )
    def post(self, request: Request, slug: str, scoring: int) -> Response:
        found = _scoring(request, slug, scoring, MANAGES)
        given = self.wanted(ScoreTagBody)
        return self.one(tag_by_score(scoring=found, by=person_of(request), **given))


def _scoring(request: Request, slug: str, pk: int, roles: tuple[str, ...]) -> Scoring:
    found = Scoring.objects.filter(workspace=api_workspace(request, slug, *roles))
    return get_object_or_404(found.select_related("batch", "trial", "reward"), pk=pk)
