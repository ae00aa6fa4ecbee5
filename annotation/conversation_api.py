"""/api/v1/workspaces/<slug>/campaigns/<id>/conversations/: each with its whole tree."""

from typing import Any

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from annotation.access import READS
from annotation.conversation_pages import messages_of
from annotation.models import Campaign, Conversation
from annotation.models.conversations import Growth, Role, Verdict
from webapp.api.endpoint import Endpoint
from webapp.api.filters import Filter
from webapp.api.permissions import api_workspace


class MessageRow(serializers.Serializer):
    question = serializers.IntegerField(help_text="Which question it is or answers, from 1")
    role = serializers.ChoiceField(Role.choices)
    text = serializers.CharField()
    verdict = serializers.ChoiceField(Verdict.choices)
    generator = serializers.CharField(help_text="Of an answer: a model's name, or “people”")
    tiers = serializers.ListField(
        child=serializers.CharField(), help_text="Where each ranking put it; – is not rankable"
    )
    preferred = serializers.BooleanField(help_text="The conversation goes on from it")


class ConversationRow(serializers.Serializer):
    id = serializers.IntegerField(source="pk")
    state = serializers.ChoiceField(Growth.choices)
    reason = serializers.CharField(help_text="Why it was stopped")
    questions = serializers.IntegerField()
    created_at = serializers.DateTimeField()
    ended_at = serializers.DateTimeField(allow_null=True)
    messages = serializers.SerializerMethodField()

    @extend_schema_field(MessageRow(many=True))
    def get_messages(self, row: Conversation) -> list[dict[str, Any]]:
        return messages_of(row)


class ConversationsEndpoint(Endpoint):
    is_list = True
    serializer_class = ConversationRow
    filters = {"state": Filter("state", choices=Growth.values)}

    @extend_schema(summary="Conversations of a campaign, with everything that was said")
    def get(self, request: Request, slug: str, campaign: int) -> Response:
        workspace = api_workspace(request, slug, *READS)
        found = get_object_or_404(Campaign, workspace=workspace, pk=campaign)
        return self.paged(
            Conversation.objects.filter(campaign=found).select_related("root", "asked")
        )
