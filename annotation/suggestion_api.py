"""/api/v1/workspaces/<slug>/campaigns/<id>/suggestions/ and items/: what programs predict."""

from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Count
from django.http import Http404
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from annotation.access import MANAGES, READS
from annotation.actions.suggest import remove_suggestions, suggest, suggest_from_verdicts
from annotation.anchoring_report import suggestion_report
from annotation.domain.suggestions import SUGGESTED
from annotation.models import Campaign, Item, SuggestionSet
from annotation.models.suggestions import Origin
from annotation.suggestions import askable, item_row
from webapp.api.endpoint import Endpoint, Strict
from webapp.api.permissions import api_workspace
from webapp.workspaces.access import person_of


class PredictableAnswerRow(serializers.Serializer):
    id = serializers.IntegerField()
    text = serializers.CharField()


class PredictableItemRow(serializers.Serializer):
    """An item to predict. Who wrote an answer is not said."""

    item = serializers.IntegerField()
    messages = serializers.JSONField(help_text="The prompt: a list of {role, content}")
    answers = PredictableAnswerRow(many=True)

    def to_representation(self, instance: Item) -> dict[str, Any]:
        return item_row(instance)


class SuggestionSetRow(serializers.Serializer):
    id = serializers.IntegerField(source="pk")
    origin = serializers.ChoiceField(Origin.choices)
    name = serializers.CharField()
    items = serializers.SerializerMethodField(help_text="That have a suggestion of it now")
    created_at = serializers.DateTimeField()

    @extend_schema_field(serializers.IntegerField())
    def get_items(self, row: Any) -> int:
        counted = getattr(row, "counted", None)
        return row.suggestions.count() if counted is None else counted


class SuggestionBody(Strict):
    """By the kind of the campaign; answers are named by their ids."""

    item = serializers.IntegerField()
    better = serializers.IntegerField(required=False, help_text="Of a comparison: the better one")
    choice = serializers.CharField(required=False, help_text="Of a comparison: tie or both_bad")
    strength = serializers.CharField(required=False)
    tiers = serializers.ListField(
        child=serializers.ListField(child=serializers.IntegerField(), max_length=9),
        required=False,
        max_length=9,
        help_text="Of a ranking, best first; one list is a tie",
    )
    unrankable = serializers.ListField(
        child=serializers.IntegerField(), required=False, max_length=9
    )
    text = serializers.CharField(required=False, max_length=100_000, trim_whitespace=False)


class SuggestionsBody(Strict):
    """Rows of your own, or the verdicts of a judge or reward model of the workspace."""

    name = serializers.CharField(max_length=200, required=False, help_text="Who or what suggests")
    rows = serializers.ListField(child=SuggestionBody(), required=False, max_length=5000)
    suggester = serializers.CharField(
        max_length=300, required=False, help_text="verdicts <judge> instead of rows"
    )


class SuggestionArmRow(serializers.Serializer):
    answers = serializers.IntegerField()
    items = serializers.IntegerField(source="agrees.n")
    agreement = serializers.FloatField(source="agrees.value", allow_null=True)
    low = serializers.FloatField(source="agrees.low", allow_null=True)
    high = serializers.FloatField(source="agrees.high", allow_null=True)
    seconds = serializers.FloatField(allow_null=True, help_text="Median time of an answer")
    taken = serializers.IntegerField(help_text="By the key that takes a suggestion over")


class SuggestionReportRow(serializers.Serializer):
    """What suggestions did: agreement where they were shown and where they were kept back."""

    shown = SuggestionArmRow()
    control = SuggestionArmRow()
    difference = serializers.FloatField(allow_null=True)
    low = serializers.FloatField(allow_null=True)
    high = serializers.FloatField(allow_null=True)
    looked_again = serializers.IntegerField()
    gave_in = serializers.IntegerField()


class SuggestionReportAnswer(serializers.Serializer):
    report = SuggestionReportRow(allow_null=True, help_text="null: nobody has answered yet")


def _campaign(request: Request, slug: str, pk: int, *roles: Any) -> Campaign:
    workspace = api_workspace(request, slug, *roles)
    campaign = get_object_or_404(Campaign, workspace=workspace, pk=pk)
    campaign.workspace = workspace
    if campaign.kind not in SUGGESTED:
        raise Http404
    return campaign


class CampaignItemsEndpoint(Endpoint):
    is_list = True
    serializer_class = PredictableItemRow

    @extend_schema(summary="Items of a campaign, to make predictions for")
    def get(self, request: Request, slug: str, campaign: int) -> Response:
        found = _campaign(request, slug, campaign, *READS)
        items = askable(found).select_related("prompt")
        return self.paged(items.prefetch_related("completions"))


class SuggestionsEndpoint(Endpoint):
    is_list = True
    serializer_class = SuggestionSetRow

    @extend_schema(summary="Sets of suggestions of a campaign")
    def get(self, request: Request, slug: str, campaign: int) -> Response:
        found = _campaign(request, slug, campaign, *READS)
        return self.paged(
            found.suggestion_sets.annotate(counted=Count("suggestions")).order_by("-pk")
        )

    @extend_schema(
        summary="Suggest answers for items",
        request=SuggestionsBody,
        responses={201: SuggestionSetRow},
    )
    def post(self, request: Request, slug: str, campaign: int) -> Response:
        found = _campaign(request, slug, campaign, *MANAGES)
        body = self.wanted(SuggestionsBody)
        by = person_of(request)
        if ("rows" in body) == ("suggester" in body):
            raise ValidationError(_("Give “rows” with a “name”, or a “suggester”; not both."))
        if "suggester" in body:
            made = suggest_from_verdicts(campaign=found, by=by, key=body["suggester"])
        else:
            made = suggest(
                campaign=found,
                by=by,
                origin=Origin.PROGRAM,
                name=body.get("name", ""),
                rows=body["rows"],
            )
        return self.one(made, 201)


class SuggestionSetEndpoint(Endpoint):
    serializer_class = SuggestionSetRow

    @extend_schema(summary="Remove a set of suggestions", responses={204: None})
    def delete(self, request: Request, slug: str, campaign: int, suggestions: int) -> Response:
        found = _campaign(request, slug, campaign, *MANAGES)
        row = get_object_or_404(SuggestionSet, campaign=found, pk=suggestions)
        remove_suggestions(made=row, by=person_of(request))
        return Response(status=204)


class SuggestionReportEndpoint(Endpoint):
    serializer_class = SuggestionReportAnswer

    @extend_schema(summary="What suggestions did to the answers of a campaign")
    def get(self, request: Request, slug: str, campaign: int) -> Response:
        found = _campaign(request, slug, campaign, *READS)
        report = suggestion_report(found)
        return self.one({"report": report.whole if report else None})
