"""/api/v1/workspaces/<slug>/campaigns/<id>/reviews/: what waits, and what is decided."""

from dataclasses import replace
from typing import Any

from django.core.exceptions import ValidationError
from django.http import Http404
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response

from annotation.access import MANAGES, WORKS
from annotation.actions.accept_many import MOST_AT_ONCE, accept_many
from annotation.actions.review import accept, adjudicate, fetch_back, send_back, take_back
from annotation.api import JudgementBody, ShownRow, fields_of
from annotation.domain.answers import LETTERS, Unanswered
from annotation.models import Assignment, Campaign, Completion, Decision, Item, SentBack
from annotation.models.campaigns import Purpose
from annotation.models.reviews import Ending, Outcome
from annotation.ratings import ratings_in
from annotation.reviews import Said, decided_as, may_review, order_for, said_of, waiting
from annotation.work_form import read_submission
from webapp.api.endpoint import Endpoint, Strict
from webapp.api.permissions import api_workspace
from webapp.workspaces.access import person_of, role_of

ACTS = ("accept", "adjudicate", "send_back", "take_back", "fetch_back")


class SentBackRow(serializers.Serializer):
    id = serializers.IntegerField()
    comment = serializers.CharField()
    created_at = serializers.DateTimeField()
    ended_at = serializers.DateTimeField(allow_null=True)
    ending = serializers.ChoiceField([("", ""), *Ending.choices])
    reply = serializers.CharField(help_text="Of an author who kept the answer")


class SaidRow(serializers.Serializer):
    assignment = serializers.IntegerField(help_text="To send it back")
    person = serializers.IntegerField(source="number", help_text="A number instead of a name")
    said = serializers.CharField(source="words", help_text="A choice or a ranking, by letter")
    texts = serializers.SerializerMethodField()
    comment = serializers.CharField()
    seconds = serializers.FloatField(allow_null=True)
    sent_back = SentBackRow(source="earlier", many=True)

    @extend_schema_field(serializers.ListField(child=serializers.DictField()))
    def get_texts(self, row: Said) -> list[dict[str, str]]:
        return [{"what": what, "text": text} for what, text in row.texts]


class DecisionRow(serializers.Serializer):
    outcome = serializers.ChoiceField(Outcome.choices)
    comment = serializers.CharField()
    said = serializers.CharField(help_text="The reviewer's own judgement, if any")
    by = serializers.CharField()
    created_at = serializers.DateTimeField()


class ReviewRow(serializers.Serializer):
    item = serializers.IntegerField(source="pk")
    messages = serializers.SerializerMethodField(help_text="The prompt; empty where it is written")
    answers = serializers.SerializerMethodField()
    judgements = serializers.SerializerMethodField()
    decision = serializers.SerializerMethodField()

    @extend_schema_field(serializers.JSONField())
    def get_messages(self, row: Item) -> list[dict[str, Any]]:
        return list(row.prompt.messages) if row.prompt else []

    @extend_schema_field(ShownRow(many=True))
    def get_answers(self, row: Item) -> list[dict[str, str]]:
        order = self._order(row)
        texts = Completion.objects.in_bulk(order)
        return [
            {"letter": letter, "text": texts[pk].text}
            for letter, pk in zip(LETTERS, order, strict=False)
        ]

    @extend_schema_field(SaidRow(many=True))
    def get_judgements(self, row: Item) -> Any:
        return SaidRow(said_of(row, self._order(row)), many=True).data

    @extend_schema_field(DecisionRow(allow_null=True))
    def get_decision(self, row: Item) -> Any:
        standing = Decision.objects.filter(item=row, taken_back_at__isnull=True)
        decision = standing.select_related("by").first()
        if decision is None:
            return None
        decision.item = row
        own = decided_as(decision, self._order(row))
        return {
            "outcome": decision.outcome,
            "comment": decision.comment,
            "said": own.words if own else "",
            "by": str(decision.by),
            "created_at": decision.created_at,
        }

    def _order(self, row: Item) -> list[int]:
        return order_for(row, person_of(self.context["request"]))


class ReviewBody(JudgementBody):
    act = serializers.ChoiceField(ACTS)
    comment = serializers.CharField(required=False, max_length=2000, allow_blank=True)
    key = serializers.UUIDField(required=False, help_text="With adjudicate: made by you, once")
    assignment = serializers.IntegerField(required=False, help_text="With send_back")
    sent_back = serializers.IntegerField(required=False, help_text="With fetch_back: its id")


class ReviewsEndpoint(Endpoint):
    is_list = True
    serializer_class = ReviewRow
    sorts = {"item": "pk"}

    @extend_schema(summary="Items that wait for you to review them, with what everybody said")
    def get(self, request: Request, slug: str, campaign: int) -> Response:
        found = _campaign(request, slug, campaign)
        items = waiting(found, person_of(request)).select_related("campaign__workspace", "prompt")
        return self.paged(items)


class AcceptBody(Strict):
    items = serializers.ListField(
        child=serializers.IntegerField(min_value=1), min_length=1, max_length=MOST_AT_ONCE
    )


class RefusedItemRow(serializers.Serializer):
    item = serializers.IntegerField()
    why = serializers.CharField()


class AcceptedRow(serializers.Serializer):
    accepted = serializers.ListField(child=serializers.IntegerField())
    refused = RefusedItemRow(many=True, help_text="Decided meanwhile, or not by you")


class AcceptSeveralEndpoint(Endpoint):
    serializer_class = AcceptedRow

    @extend_schema(
        summary="Accept several items, each by itself", request=AcceptBody, responses=AcceptedRow
    )
    def post(self, request: Request, slug: str, campaign: int) -> Response:
        found = _campaign(request, slug, campaign)
        wanted = self.wanted(AcceptBody)["items"]
        real = Item.objects.filter(campaign=found, purpose=Purpose.WORK)
        items = list(real.filter(pk__in=wanted).order_by("pk"))
        if len(items) != len(set(wanted)):
            raise Http404
        for item in items:
            item.campaign = found
        accepted, refused = accept_many(items=items, by=person_of(request))
        answer = {
            "accepted": [item.pk for item in accepted],
            "refused": [{"item": item.pk, "why": why} for item, why in refused],
        }
        return self.one(answer)


class ReviewEndpoint(Endpoint):
    serializer_class = ReviewRow

    @extend_schema(summary="One item of a campaign as its reviewer reads it")
    def get(self, request: Request, slug: str, campaign: int, item: int) -> Response:
        return self.one(_item(_campaign(request, slug, campaign), item))

    @extend_schema(
        summary="Accept, decide anew, send an answer back, or take one of these back",
        request=ReviewBody,
        responses=ReviewRow,
    )
    def post(self, request: Request, slug: str, campaign: int, item: int) -> Response:
        found = _item(_campaign(request, slug, campaign), item)
        body = self.wanted(ReviewBody)
        try:
            _act(found, person_of(request), body)
        except Unanswered as missing:
            raise ValidationError(str(missing)) from None
        return self.one(found)


def _campaign(request: Request, slug: str, pk: int) -> Campaign:
    workspace = api_workspace(request, slug, *WORKS)
    campaign = get_object_or_404(Campaign, workspace=workspace, pk=pk)
    campaign.workspace = workspace
    if not may_review(request.user, campaign, role_of(workspace) in MANAGES):
        raise PermissionDenied
    return campaign


def _item(campaign: Campaign, pk: int) -> Item:
    items = Item.objects.select_related("prompt").filter(purpose=Purpose.WORK)
    found = get_object_or_404(items, campaign=campaign, pk=pk)
    found.campaign = campaign
    return found


def _act(item: Item, by: Any, body: dict[str, Any]) -> None:
    """
    Raises:
        ValidationError, Unanswered: with a sentence.
    """
    act, comment = body.pop("act"), body.pop("comment", "")
    if act == "accept":
        accept(item=item, by=by, comment=comment)
    elif act == "adjudicate":
        _adjudicate(item, by, body, comment)
    elif act == "send_back":
        slot = get_object_or_404(Assignment, item=item, pk=body.get("assignment", 0))
        slot.item = item
        send_back(assignment=slot, by=by, comment=comment)
    elif act == "take_back":
        decision = get_object_or_404(Decision, item=item, taken_back_at__isnull=True)
        decision.item = item
        take_back(decision=decision, by=by)
    else:
        sent = SentBack.objects.filter(assignment__item=item)
        fetch_back(sent=get_object_or_404(sent, pk=body.get("sent_back", 0)), by=by)


def _adjudicate(item: Item, by: Any, body: dict[str, Any], comment: str) -> None:
    shown = order_for(item, by)
    held = Assignment(campaign=item.campaign, item=item, shown_order=shown)
    form = {**fields_of(item.campaign, body), "attempt": "0"}
    submission = replace(
        read_submission(held.asks, shown, form), ratings=ratings_in(item.campaign, held, form)
    )
    adjudicate(item=item, by=by, shown=shown, submission=submission, comment=comment)
