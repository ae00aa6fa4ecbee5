"""/api/v1/workspaces/<slug>/snapshots/: freeze, look, download, delete."""

from typing import Any

from django.http import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import APIException
from rest_framework.request import Request
from rest_framework.response import Response

from annotation.domain.preferences import MarginTable
from annotation.exports.formats import FORMATS
from annotation.exports.plan import ExportPlan, Shape, Ties
from annotation.judgement_filter import JudgementFilter
from training.access import MANAGES, READS
from training.actions.delete_snapshot import delete_snapshot
from training.actions.export_snapshot import export_snapshot
from training.actions.freeze_snapshot import freeze_snapshot
from training.api_chosen import chosen
from training.models import DatasetSnapshot, ModelKind, SnapshotExport, SnapshotKind, SnapshotState
from training.queries import snapshots_in
from training.run_queries import ready_models
from training.scoring.screen import Screen
from training.snapshot_downloads import NotMade, open_download
from training.snapshot_files import SPLITS
from webapp.api.endpoint import Endpoint, Strict
from webapp.api.filters import Filter
from webapp.api.permissions import api_workspace
from webapp.workspaces.access import person_of


class SnapshotRow(serializers.Serializer):
    id = serializers.IntegerField()
    name = serializers.CharField()
    kind = serializers.ChoiceField(SnapshotKind.choices)
    state = serializers.ChoiceField(SnapshotState.choices)
    rows = serializers.IntegerField(allow_null=True, help_text="null: not frozen yet")
    splits = serializers.DictField(
        child=serializers.IntegerField(), help_text="Rows per split: train, validation"
    )
    sha256 = serializers.CharField(help_text="Of the frozen .jsonl.zst; empty until it is frozen")
    content_sha256 = serializers.CharField(help_text="Of its uncompressed lines")
    job = serializers.IntegerField(source="job_id", allow_null=True, help_text="That freezes it")
    created_at = serializers.DateTimeField()
    frozen_at = serializers.DateTimeField(allow_null=True)


class OneSnapshot(SnapshotRow):
    filter: Any = serializers.JSONField(help_text="Which judgements were chosen")
    settings: Any = serializers.JSONField(help_text="How they were written down")
    counts: Any = serializers.JSONField(
        help_text="Judgements by kind, ties, what was left out and what a reward model dropped"
    )
    screen: Any = serializers.JSONField(
        help_text="The reward model that drops rows, and which; empty: none"
    )
    card = serializers.CharField(help_text="The dataset card, markdown")


class SettingsBody(Strict):
    ties = serializers.ChoiceField([each.value for each in Ties], required=False)
    margins = serializers.ChoiceField([each.value for each in MarginTable], required=False)
    shape = serializers.ChoiceField([each.value for each in Shape], required=False)
    validation_share = serializers.FloatField(required=False, min_value=0, max_value=1)
    salt = serializers.CharField(required=False, max_length=60, allow_blank=True)
    people = serializers.BooleanField(required=False, help_text="Number the annotators")
    by_task = serializers.BooleanField(
        required=False, help_text="Hold out whole tasks (metadata's task, else the source)"
    )
    rationales = serializers.BooleanField(
        required=False, help_text="Write a demonstration's rationale before its answer"
    )


class ScreenBody(Strict):
    reward = serializers.IntegerField(help_text="Id of a reward model")
    least = serializers.FloatField(
        required=False,
        help_text="Rows are dropped whose value is less: the score of the answer, or of the chosen "
        "less that of the rejected one. -0.5 drops pairs that the model disagrees with by more "
        "than 0.5",
    )
    lowest = serializers.FloatField(
        required=False, help_text="Instead: this share (0 to 1) of the rows, the lowest values"
    )


class SnapshotBody(Strict):
    name = serializers.CharField(max_length=100)
    kind = serializers.ChoiceField(SnapshotKind.choices)
    filter: Any = serializers.JSONField(
        required=False,
        help_text="Lists: kinds, campaigns, generators, sources, annotators, labels, groups, "
        "strengths; times: since, until; prompts: a filter of prompts. Empty: everything",
    )
    settings = SettingsBody(required=False)
    screen = ScreenBody(
        required=False, help_text="A reward model drops rows; the job is then one of the gpu queue"
    )


class ExportRow(serializers.Serializer):
    format = serializers.CharField()
    split = serializers.CharField(help_text="Empty: all rows")
    job = serializers.IntegerField(source="job_id", allow_null=True, help_text="That makes it")
    ready = serializers.BooleanField(help_text="Whether it can be downloaded")
    size = serializers.IntegerField(allow_null=True, help_text="Bytes")
    sha256 = serializers.CharField(allow_null=True)
    skipped = serializers.IntegerField(help_text="Rows that the format cannot hold")

    def to_representation(self, instance: SnapshotExport) -> dict[str, Any]:
        artifact = instance.artifact
        return {
            "format": instance.format,
            "split": instance.split,
            "job": instance.job_id,
            "ready": bool(artifact),
            "size": artifact.get("size"),
            "sha256": artifact.get("sha256"),
            "skipped": instance.skipped,
        }


class ExportBody(Strict):
    format = serializers.ChoiceField(list(FORMATS))
    split = serializers.ChoiceField(["", *SPLITS], required=False, default="")


class FileIsNotMade(APIException):
    """Too large to be made within a request (409)."""

    status_code = 409


class SnapshotsEndpoint(Endpoint):
    is_list = True
    serializer_class = SnapshotRow
    filters = {
        "kind": Filter("kind", choices=SnapshotKind.values),
        "state": Filter("state", choices=SnapshotState.values),
        "name": Filter("name"),
    }
    sorts = {"id": "pk", "name": "name", "created_at": "created_at"}

    @extend_schema(summary="Snapshots of a workspace, newest first")
    def get(self, request: Request, slug: str) -> Response:
        return self.paged(snapshots_in(api_workspace(request, slug, *READS)))

    @extend_schema(
        summary="Freeze judgements, demonstrations or prompts; a job writes the file",
        request=SnapshotBody,
        responses={201: OneSnapshot},
    )
    def post(self, request: Request, slug: str) -> Response:
        workspace = api_workspace(request, slug, *MANAGES)
        wanted = self.wanted(SnapshotBody)
        screen = None
        if (given := wanted.get("screen")) is not None:
            rewards = ready_models(workspace, ModelKind.REWARD)
            reward = chosen(rewards, given.pop("reward"), "screen.reward")
            screen = Screen(reward, **given)
        snapshot = freeze_snapshot(
            workspace=workspace,
            by=person_of(request),
            name=wanted["name"],
            screen=screen,
            plan=ExportPlan.from_settings(wanted["kind"], wanted.get("settings", {})),
            chosen=JudgementFilter.from_json(wanted.get("filter") or {}),
        )
        return Response(OneSnapshot(snapshot).data, status=201)


class SnapshotEndpoint(Endpoint):
    serializer_class = OneSnapshot

    @extend_schema(summary="One snapshot with its card")
    def get(self, request: Request, slug: str, snapshot: int) -> Response:
        return self.one(_snapshot(request, slug, snapshot, *READS))

    @extend_schema(
        summary="Delete it and its files; refused when something was trained on it",
        responses={204: None},
    )
    def delete(self, request: Request, slug: str, snapshot: int) -> Response:
        found = _snapshot(request, slug, snapshot, *MANAGES)
        delete_snapshot(snapshot=found, by=person_of(request))
        return Response(status=204)


class SnapshotDownloadEndpoint(Endpoint):
    serializer_class = SnapshotRow

    @extend_schema(
        summary="The file, streamed",
        parameters=[
            OpenApiParameter("file", str, enum=list(FORMATS), description="jsonl.zst if not given"),
            OpenApiParameter("split", str, enum=list(SPLITS), description="All rows if not given"),
        ],
        responses={(200, "application/octet-stream"): OpenApiTypes.BINARY},
    )
    def get(self, request: Request, slug: str, snapshot: int) -> HttpResponseBase:
        found = _snapshot(request, slug, snapshot, *READS)
        try:
            return open_download(
                found,
                request.query_params.get("file", "jsonl.zst")[:40],
                request.query_params.get("split", "")[:40],
            )
        except NotMade:
            raise FileIsNotMade(
                _("This file is large and not made yet: POST to exports/ makes it by a job.")
            ) from None


class SnapshotExportsEndpoint(Endpoint):
    serializer_class = ExportRow

    @extend_schema(
        summary="Have another kind of file made by a job; asked twice, it is made once",
        request=ExportBody,
        responses={200: ExportRow},
    )
    def post(self, request: Request, slug: str, snapshot: int) -> Response:
        found = _snapshot(request, slug, snapshot, *MANAGES)
        wanted = self.wanted(ExportBody)
        made = export_snapshot(
            snapshot=found,
            by=person_of(request),
            format_name=wanted["format"],
            split=wanted["split"],
        )
        return self.one(made)


def _snapshot(request: Request, slug: str, key: int, *roles: str) -> DatasetSnapshot:
    workspace = api_workspace(request, slug, *roles)
    return get_object_or_404(snapshots_in(workspace).select_related("workspace"), pk=key)
