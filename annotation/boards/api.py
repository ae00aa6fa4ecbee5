"""/api/v1/workspaces/<slug>/boards/: make boards, read their figures and the votes behind them."""

from typing import Any

from django.core.exceptions import ValidationError
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from annotation.access import MANAGES, READS
from annotation.boards.actions.board import BoardPlan, change_board, create_board, delete_board
from annotation.boards.actions.freeze_board import ask_to_freeze
from annotation.boards.actions.refresh_board import ask_for_refresh
from annotation.boards.definition import Definition, WrongDefinition
from annotation.boards.queries import Shown, board_of, estimand, shown, snapshots_of
from annotation.boards.vote_list import VoteFilter, votes_of, with_words
from annotation.judgement_filter import JudgementFilter
from annotation.models import Board
from webapp.api.endpoint import Endpoint, Strict
from webapp.api.permissions import api_workspace
from webapp.workspaces.access import person_of


class BoardRow(serializers.Serializer):
    id = serializers.IntegerField()
    name = serializers.CharField()
    description = serializers.CharField()
    filter: Any = serializers.JSONField(help_text="Which judgements it counts")
    definition: Any = serializers.JSONField(help_text="Policies, scale and seed")
    version = serializers.IntegerField(help_text="Grows with each change")
    created_at = serializers.DateTimeField()


class BoardFigures(BoardRow):
    """A board with its newest figures, and how new they are."""

    state = serializers.CharField(
        help_text="fresh; behind: newer votes are not in the figures; none: never counted"
    )
    newer_votes = serializers.IntegerField(help_text="Since the figures, counted up to 1000")
    votes = serializers.IntegerField(help_text="Judgements behind the figures")
    computed_at = serializers.DateTimeField(allow_null=True)
    fingerprint = serializers.CharField(help_text="SHA-256 of the votes; empty before a count")
    estimand = serializers.ListField(child=serializers.CharField())
    figures: Any = serializers.JSONField(allow_null=True, help_text="What the page shows")


class BoardBody(Strict):
    name = serializers.CharField(max_length=100)
    description = serializers.CharField(max_length=500, required=False, allow_blank=True)
    filter: Any = serializers.JSONField(required=False, help_text="A filter of judgements")
    definition: Any = serializers.JSONField(
        required=False, help_text="Only what differs from the defaults"
    )


class BoardChange(BoardBody):
    name = serializers.CharField(max_length=100, required=False)


class BoardSnapshotRow(serializers.Serializer):
    id = serializers.IntegerField()
    name = serializers.CharField()
    votes = serializers.IntegerField()
    fingerprint = serializers.CharField(help_text="SHA-256 of the votes")
    content_sha256 = serializers.CharField(help_text="Of the figures as canonical JSON")
    created_at = serializers.DateTimeField()


class BoardSnapshotBody(Strict):
    name = serializers.CharField(max_length=100)


class BoardJob(serializers.Serializer):
    job = serializers.IntegerField(allow_null=True, help_text="null: one is waiting already")


class BoardVoteRow(serializers.Serializer):
    id = serializers.IntegerField(source="pk")
    prompt = serializers.IntegerField(source="prompt_id")
    judged_by = serializers.CharField(source="source")
    annotator = serializers.SerializerMethodField()
    campaign = serializers.IntegerField(
        source="assignment.campaign_id", default=None, allow_null=True
    )
    created_at = serializers.DateTimeField()
    left = serializers.SerializerMethodField(help_text="Of a comparison: who wrote it")
    right = serializers.SerializerMethodField()
    choice = serializers.SerializerMethodField(help_text="left, right, tie or both_bad")
    tiers = serializers.SerializerMethodField(help_text="Of a ranking: [generator, tier]")
    best_worst = serializers.SerializerMethodField(
        help_text="Of a ranking: only best and worst were named; an equal tier is no tie"
    )

    def get_annotator(self, vote: Any) -> str:
        return str(vote.annotator) if vote.annotator_id else vote.annotator_label

    def get_left(self, vote: Any) -> str | None:
        return vote.left.generator if hasattr(vote, "left") else None

    def get_right(self, vote: Any) -> str | None:
        return vote.right.generator if hasattr(vote, "right") else None

    def get_choice(self, vote: Any) -> str | None:
        return getattr(vote, "choice", None)

    def get_tiers(self, vote: Any) -> list[tuple[str, int | None]] | None:
        if not hasattr(vote, "in_order"):
            return None
        return [(entry.completion.generator, entry.tier) for entry in vote.in_order]

    def get_best_worst(self, vote: Any) -> bool | None:
        return getattr(vote, "partial", None)


def _plan(given: dict[str, Any], before: Board | None = None) -> BoardPlan:
    """Raises ValidationError with what is allowed."""
    start = {
        "name": before.name if before else "",
        "description": before.description if before else "",
        "filter": before.filter if before else {},
        "definition": before.definition if before else {},
    }
    start |= given
    if not isinstance(start["definition"], dict):
        raise ValidationError({"definition": "The definition is an object of settings."})
    try:
        definition = Definition.from_json(start["definition"])
    except WrongDefinition as wrong:
        raise ValidationError({"definition": str(wrong)}) from None
    try:
        chosen = JudgementFilter.from_json(start["filter"])
    except ValidationError as refused:
        raise ValidationError({"filter": refused.messages}) from None
    return BoardPlan(start["name"], start["description"], chosen, definition)


def _with_figures(board: Board, now: Shown) -> dict[str, Any]:
    fields = ("id", "name", "description", "filter", "definition", "version", "created_at")
    return {name: getattr(board, name) for name in fields} | {
        "state": now.state,
        "newer_votes": now.newer,
        "votes": now.votes,
        "computed_at": now.computed_at,
        "fingerprint": now.fingerprint,
        "estimand": estimand(board, now),
        "figures": now.content,
    }


class BoardsEndpoint(Endpoint):
    is_list = True
    serializer_class = BoardRow
    sorts = {"id": "pk", "name": "name"}

    @extend_schema(summary="Boards of a workspace")
    def get(self, request: Request, slug: str) -> Response:
        workspace = api_workspace(request, slug, *READS)
        return self.paged(Board.objects.filter(workspace=workspace))

    @extend_schema(summary="Make a board", request=BoardBody, responses={201: BoardRow})
    def post(self, request: Request, slug: str) -> Response:
        workspace = api_workspace(request, slug, *MANAGES)
        plan = _plan(self.wanted(BoardBody))
        return self.one(
            create_board(workspace=workspace, by=person_of(request), plan=plan), status=201
        )


class BoardEndpoint(Endpoint):
    serializer_class = BoardFigures

    @extend_schema(summary="One board with all its figures")
    def get(self, request: Request, slug: str, board: int) -> Response:
        found = board_of(api_workspace(request, slug, *READS), board)
        return self.one(_with_figures(found, shown(found)))

    @extend_schema(summary="Change a board", request=BoardChange, responses=BoardFigures)
    def patch(self, request: Request, slug: str, board: int) -> Response:
        found = board_of(api_workspace(request, slug, *MANAGES), board)
        plan = _plan(self.wanted(BoardChange, partial=True), found)
        changed = change_board(board=found, by=person_of(request), plan=plan)
        return self.one(_with_figures(changed, shown(changed)))

    @extend_schema(summary="Delete a board with its snapshots; votes stay")
    def delete(self, request: Request, slug: str, board: int) -> Response:
        found = board_of(api_workspace(request, slug, *MANAGES), board)
        delete_board(board=found, by=person_of(request))
        return Response(status=204)


class BoardRefreshEndpoint(Endpoint):
    serializer_class = BoardJob

    @extend_schema(
        summary="Count the votes that came since", request=None, responses={202: BoardJob}
    )
    def post(self, request: Request, slug: str, board: int) -> Response:
        found = board_of(api_workspace(request, slug, *READS), board)
        job = ask_for_refresh(board=found, by=person_of(request))
        return self.one({"job": job.pk if job else None}, status=202)


class BoardSnapshotsEndpoint(Endpoint):
    is_list = True
    serializer_class = BoardSnapshotRow

    @extend_schema(summary="Snapshots of a board, newest first")
    def get(self, request: Request, slug: str, board: int) -> Response:
        return self.paged(snapshots_of(board_of(api_workspace(request, slug, *READS), board)))

    @extend_schema(
        summary="Keep the board as it is now", request=BoardSnapshotBody, responses={202: BoardJob}
    )
    def post(self, request: Request, slug: str, board: int) -> Response:
        found = board_of(api_workspace(request, slug, *MANAGES), board)
        name = self.wanted(BoardSnapshotBody)["name"]
        job = ask_to_freeze(board=found, by=person_of(request), name=name)
        return Response(BoardJob({"job": job.pk}).data, status=202)


VOTE_PARAMETERS = [
    OpenApiParameter(name, description=text)
    for name, text in (
        ("kind", "comparison (the default) or ranking"),
        ("model", "one side"),
        ("against", "the other side"),
        ("outcome", "win, loss, tie or both_bad, of `model`"),
        ("judged_by", "human, judge or simulated"),
        ("prompt", "a prompt's id"),
        ("campaign", "a campaign's id"),
        ("use_case", ""),
        ("tag", ""),
        ("language", ""),
    )
]


class BoardVotesEndpoint(Endpoint):
    is_list = True
    serializer_class = BoardVoteRow

    @extend_schema(summary="The votes behind a board's figures", parameters=VOTE_PARAMETERS)
    def get(self, request: Request, slug: str, board: int) -> Response:
        found = board_of(api_workspace(request, slug, *READS), board)
        chosen = VoteFilter.from_params(request.query_params)
        rows = self.paginate_queryset(votes_of(found, chosen).order_by())
        data = self.get_serializer(with_words(rows, chosen), many=True).data
        return self.get_paginated_response(data)
