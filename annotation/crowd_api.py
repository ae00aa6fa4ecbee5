"""/api/v1/workspaces/<slug>/campaigns/<id>/crowd/: the link, and who came by it."""

from dataclasses import replace
from typing import Any

from django.http import Http404
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from annotation.access import MANAGES, READS
from annotation.actions.crowd import LinkPlan, set_link, switch_off
from annotation.crowd import address_of, code_of, works_of
from annotation.models import Campaign, CrowdLink, CrowdWork
from annotation.models.crowd import Ending, Platform
from webapp.api.endpoint import Endpoint, Strict
from webapp.api.filters import Filter
from webapp.api.permissions import api_workspace
from webapp.workspaces.access import person_of


class CrowdLinkBody(Strict):
    platform = serializers.ChoiceField(Platform.choices)
    answers = serializers.IntegerField(
        min_value=1, max_value=10_000, help_text="Of one assignment on the platform"
    )
    places = serializers.IntegerField(
        min_value=1, max_value=100_000, default=100, help_text="Assignments that may begin"
    )
    completion_code = serializers.CharField(
        max_length=100, default="", allow_blank=True, help_text="Empty: one for each assignment"
    )
    completion_url = serializers.RegexField(
        r"^(https://\S+)?$", max_length=500, default="", allow_blank=True
    )
    screen_out_code = serializers.CharField(max_length=100, default="", allow_blank=True)
    screen_out_url = serializers.RegexField(
        r"^(https://\S+)?$", max_length=500, default="", allow_blank=True
    )


class CrowdLinkRow(serializers.Serializer):
    platform = serializers.ChoiceField(Platform.choices)
    answers = serializers.IntegerField()
    places = serializers.IntegerField()
    completion_code = serializers.CharField()
    completion_url = serializers.CharField()
    screen_out_code = serializers.CharField()
    screen_out_url = serializers.CharField()
    address = serializers.SerializerMethodField(
        help_text="With the platform's placeholders; empty: switched off. Only for managers"
    )

    def get_address(self, row: CrowdLink) -> str:
        return address_of(row)


class CrowdWorkRow(serializers.Serializer):
    worker = serializers.CharField(help_text="The platform's id of the person")
    study = serializers.CharField()
    assignment = serializers.CharField(source="external", help_text="The platform's id of the work")
    begun_at = serializers.DateTimeField()
    ended_at = serializers.DateTimeField(allow_null=True)
    ending = serializers.ChoiceField(Ending.choices, help_text="Empty: under way")
    answers = serializers.IntegerField(source="given")
    code = serializers.SerializerMethodField(help_text="What the person was shown at the end")

    def get_code(self, row: CrowdWork) -> str:
        return code_of(row)


def _campaign(request: Request, slug: str, campaign: int, *roles: Any) -> Campaign:
    workspace = api_workspace(request, slug, *roles)
    found = get_object_or_404(Campaign, workspace=workspace, pk=campaign)
    found.workspace = workspace
    return found


class CrowdEndpoint(Endpoint):
    serializer_class = CrowdLinkRow

    @extend_schema(summary="The campaign's link for a crowd platform")
    def get(self, request: Request, slug: str, campaign: int) -> Response:
        found = _campaign(request, slug, campaign, *MANAGES)
        return self.one(get_object_or_404(CrowdLink, campaign=found))

    @extend_schema(
        summary="Make the link, or change what it asks for",
        request=CrowdLinkBody,
        responses=CrowdLinkRow,
    )
    def post(self, request: Request, slug: str, campaign: int) -> Response:
        found = _campaign(request, slug, campaign, *MANAGES)
        plan = replace(LinkPlan("", 1), **self.wanted(CrowdLinkBody))
        return self.one(set_link(campaign=found, by=person_of(request), plan=plan))

    @extend_schema(summary="Switch the link off", responses={204: None})
    def delete(self, request: Request, slug: str, campaign: int) -> Response:
        found = _campaign(request, slug, campaign, *MANAGES)
        link = CrowdLink.objects.filter(campaign=found).first()
        if link is None:
            raise Http404
        switch_off(link=link, by=person_of(request))
        return Response(status=204)


class CrowdWorksEndpoint(Endpoint):
    is_list = True
    serializer_class = CrowdWorkRow
    filters = {"ending": Filter("ending", choices=[one for one in Ending.values if one])}
    sorts = {"id": "pk"}

    @extend_schema(summary="Assignments of the platform, how far they are and how they ended")
    def get(self, request: Request, slug: str, campaign: int) -> Response:
        return self.paged(works_of(_campaign(request, slug, campaign, *READS)))
