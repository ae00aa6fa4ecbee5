"""/api/v1/workspaces/<slug>/runs/<id>/held-out/: scores that a run does not learn from."""

from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from training.access import MANAGES, READS
from training.held_out.actions.hold_out import ask_people, measure_run, send_suspicious
from training.held_out.queries import Held, OverOptimisation
from training.models import ModelEndpoint, ModelKind
from training.run_queries import ready_models, run_of
from webapp.api.endpoint import Endpoint, Strict
from webapp.api.permissions import api_workspace
from webapp.workspaces.access import person_of


class WindowRow(serializers.Serializer):
    first = serializers.IntegerField(help_text="First step of the window")
    last = serializers.IntegerField(help_text="Last step of it")
    proxy = serializers.FloatField(help_text="Mean over prompts of the run's own reward")
    held_out = serializers.FloatField(help_text="Mean over prompts of the held-out score")
    prompts = serializers.IntegerField()


class PartingRow(serializers.Serializer):
    best_step = serializers.IntegerField(help_text="Where the held-out score was still good")
    now_step = serializers.IntegerField(help_text="Where it had fallen, with the proxy risen")
    proxy_rise = serializers.FloatField()
    held_out_fall = serializers.FloatField()
    p_fall = serializers.FloatField(help_text="Corrected for every pair of windows")


class MeasureRow(serializers.Serializer):
    id = serializers.IntegerField()
    kind = serializers.CharField(help_text="reward, judge or people")
    scorer = serializers.CharField()
    campaign = serializers.IntegerField(allow_null=True)
    job = serializers.IntegerField(allow_null=True)
    scored = serializers.IntegerField(help_text="Answers with a score")
    answers = serializers.IntegerField(help_text="Answers that the run kept")
    enough = serializers.BooleanField(help_text="Whether there is enough to tell")
    windows = WindowRow(many=True)
    parting = PartingRow(allow_null=True, help_text="The alarm; null: none")


class MeasureBody(Strict):
    by = serializers.ChoiceField(["reward", "judge", "people"])
    reward = serializers.IntegerField(required=False, help_text="Id of a reward model")
    endpoint = serializers.IntegerField(required=False, help_text="Id of the judge's endpoint")
    name = serializers.CharField(required=False, max_length=100, help_text="Of the campaign")
    overlap = serializers.IntegerField(required=False, min_value=1, max_value=20)


class SuspiciousBody(Strict):
    measure = serializers.IntegerField(help_text="Id of a held-out score of this run")
    name = serializers.CharField(max_length=100, help_text="Of the campaign to open")


class SentRow(serializers.Serializer):
    campaign = serializers.IntegerField()
    answers = serializers.IntegerField()


class HeldOutEndpoint(Endpoint):
    serializer_class = MeasureRow

    @extend_schema(
        summary="Held-out scores of a run, and whether they part from its reward",
        responses={200: MeasureRow(many=True)},
    )
    def get(self, request: Request, slug: str, run: int) -> Response:
        found = OverOptimisation(run_of(api_workspace(request, slug, *READS), run))
        return Response(MeasureRow([_as_row(found, h) for h in found.held], many=True).data)

    @extend_schema(
        summary="Have a run's answers scored by a reward model, a judge or people",
        request=MeasureBody,
        responses={201: MeasureRow},
    )
    def post(self, request: Request, slug: str, run: int) -> Response:
        workspace = api_workspace(request, slug, *MANAGES)
        found = run_of(workspace, run)
        given = self.wanted(MeasureBody)
        by = person_of(request)
        if given["by"] == "people":
            name = given.get("name") or f"{found.name}: {_('held out')}"[:100]
            measure = ask_people(run=found, by=by, name=name, overlap=given.get("overlap", 1))
        elif given["by"] == "reward":
            models = ready_models(workspace, ModelKind.REWARD)
            measure = measure_run(run=found, by=by, reward=_chosen(models, given, "reward"))
        else:
            asked = ModelEndpoint.objects.filter(workspace=workspace, retired_at=None)
            measure = measure_run(run=found, by=by, endpoint=_chosen(asked, given, "endpoint"))
        shown = OverOptimisation(found)
        held = next(each for each in shown.held if each.measure.pk == measure.pk)
        return self.one(_as_row(shown, held), status=201)


class SuspiciousEndpoint(Endpoint):
    serializer_class = SentRow

    @extend_schema(
        summary="Open a campaign with the answers that the reward likes more than the judge does",
        request=SuspiciousBody,
        responses={201: SentRow},
    )
    def post(self, request: Request, slug: str, run: int) -> Response:
        found = OverOptimisation(run_of(api_workspace(request, slug, *MANAGES), run))
        given = self.wanted(SuspiciousBody)
        held = next((h for h in found.held if h.measure.pk == given["measure"]), None)
        if held is None:
            raise serializers.ValidationError(
                {"measure": [_("This run has no held-out score of that id.")]}
            )
        campaign, count = send_suspicious(
            run=found.run,
            by=person_of(request),
            name=given["name"],
            answers=[suspect.answer for suspect in found.suspects(held)],
        )
        return self.one({"campaign": campaign.pk, "answers": count}, status=201)


def _chosen(rows: Any, given: dict[str, Any], name: str) -> Any:
    found = rows.filter(pk=given.get(name)).first()
    if found is None:
        raise serializers.ValidationError({name: [_("There is no such scorer here. Give its id.")]})
    return found


def _as_row(found: OverOptimisation, held: Held) -> dict[str, Any]:
    measure, alarm, windows = held.measure, held.alarm, held.verdict.windows
    return {
        "id": measure.pk,
        "kind": measure.kind,
        "scorer": str(measure),
        "campaign": measure.campaign_id,
        "job": measure.job_id,
        "scored": held.answers,
        "answers": len(found.answers),
        "enough": held.verdict.enough,
        "windows": [
            {
                "first": window.first,
                "last": window.last,
                "proxy": window.proxy.value,
                "held_out": window.held_out.value,
                "prompts": window.held_out.n,
            }
            for window in windows
        ],
        "parting": alarm
        and {
            "best_step": windows[alarm.best].last,
            "now_step": windows[alarm.now].last,
            "proxy_rise": alarm.proxy_rise,
            "held_out_fall": alarm.held_out_fall,
            "p_fall": alarm.p_fall,
        },
    }
