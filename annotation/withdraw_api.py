"""/api/v1/workspaces/<slug>/campaigns/<id>/...: what a withdrawal takes, who holds it, the act."""

from typing import Any

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from annotation.access import MANAGES
from annotation.actions.withdraw import of_item, of_person, withdraw_item, withdraw_person
from annotation.models import Campaign, Item
from annotation.queries import people_in
from webapp.accounts.models import User
from webapp.api.endpoint import Endpoint, Strict
from webapp.api.permissions import api_workspace
from webapp.workspaces.access import person_of
from webapp.workspaces.models import Workspace


class HolderRow(serializers.Serializer):
    what = serializers.CharField(help_text="A snapshot, or a model that learned from it, by name")
    url = serializers.CharField(allow_blank=True)


class WithdrawalRow(serializers.Serializer):
    """What goes, or went. Snapshots and models that hold it keep it: they are named."""

    judgements = serializers.DictField(
        child=serializers.IntegerField(), help_text="By kind: comparison, ranking ..."
    )
    answers = serializers.IntegerField(help_text="Written by the person, retired with the rest")
    drafts = serializers.IntegerField()
    holders = HolderRow(many=True)


class WithdrawalBody(Strict):
    reason = serializers.CharField(required=False, max_length=300, allow_blank=True)


class PersonWithdrawalEndpoint(Endpoint):
    serializer_class = WithdrawalRow

    @extend_schema(summary="What withdrawing a person's data in the workspace would take")
    def get(self, request: Request, slug: str, campaign: int, person: int) -> Response:
        workspace, user = _person(request, slug, campaign, person)
        return self.one(of_person(workspace, user))

    @extend_schema(
        summary="Withdraw all that a person said in the workspace, for good",
        request=WithdrawalBody,
        responses=WithdrawalRow,
    )
    def post(self, request: Request, slug: str, campaign: int, person: int) -> Response:
        workspace, user = _person(request, slug, campaign, person)
        reason = self.wanted(WithdrawalBody).get("reason", "")
        by = person_of(request)
        return self.one(withdraw_person(workspace=workspace, user=user, by=by, reason=reason))


class ItemWithdrawalEndpoint(Endpoint):
    serializer_class = WithdrawalRow

    @extend_schema(summary="What withdrawing an item of a campaign would take")
    def get(self, request: Request, slug: str, campaign: int, item: int) -> Response:
        return self.one(of_item(_item(request, slug, campaign, item)))

    @extend_schema(
        summary="Withdraw an item with all that was said about it, for good",
        request=WithdrawalBody,
        responses=WithdrawalRow,
    )
    def post(self, request: Request, slug: str, campaign: int, item: int) -> Response:
        found = _item(request, slug, campaign, item)
        reason = self.wanted(WithdrawalBody).get("reason", "")
        return self.one(withdraw_item(item=found, by=person_of(request), reason=reason))


def _person(request: Request, slug: str, campaign: int, pk: int) -> tuple[Workspace, User]:
    workspace = api_workspace(request, slug, *MANAGES)
    found = get_object_or_404(Campaign, workspace=workspace, pk=campaign)
    return workspace, get_object_or_404(people_in(found), pk=pk)


def _item(request: Request, slug: str, campaign: int, pk: int) -> Item:
    workspace: Any = api_workspace(request, slug, *MANAGES)
    items = Item.objects.select_related("campaign__workspace", "prompt")
    return get_object_or_404(items, campaign__workspace=workspace, campaign_id=campaign, pk=pk)
