"""/api/v1/workspaces/<slug>/webhooks/"""

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from webapp.api.endpoint import Endpoint, Strict
from webapp.api.filters import Filter
from webapp.api.permissions import api_workspace
from webapp.webhooks.actions.change_webhooks import (
    add_webhook,
    remove_webhook,
    resend,
    rotate_secret,
)
from webapp.webhooks.events import Event
from webapp.webhooks.models import Delivery, DeliveryState, Webhook
from webapp.workspaces.access import person_of
from webapp.workspaces.models import Role

MANAGES = (Role.MANAGER,)


class WebhookRow(serializers.Serializer):
    id = serializers.IntegerField()
    url = serializers.CharField()
    events = serializers.ListField(child=serializers.CharField())
    created_at = serializers.DateTimeField()
    stopped_at = serializers.DateTimeField(
        allow_null=True, help_text="Set: it answered 410 and is told nothing more"
    )


class WebhookMade(WebhookRow):
    secret = serializers.CharField(help_text="Shown this once: what the messages are signed with")


class WebhookBody(Strict):
    url = serializers.CharField(max_length=2000)
    events = serializers.ListField(
        child=serializers.ChoiceField(Event.choices), allow_empty=False, max_length=50
    )


class DeliveryRow(serializers.Serializer):
    id = serializers.IntegerField()
    webhook = serializers.IntegerField(source="webhook_id")
    message_id = serializers.CharField(help_text="The header webhook-id")
    event = serializers.CharField()
    state = serializers.ChoiceField(DeliveryState.choices)
    attempts = serializers.IntegerField()
    status = serializers.IntegerField(allow_null=True, help_text="Of the last answer")
    error = serializers.CharField()
    created_at = serializers.DateTimeField()
    last_at = serializers.DateTimeField(allow_null=True)


class WebhooksEndpoint(Endpoint):
    is_list = True
    serializer_class = WebhookRow
    sorts = {"id": "pk"}

    @extend_schema(summary="The webhooks of a workspace")
    def get(self, request: Request, slug: str) -> Response:
        return self.paged(Webhook.objects.filter(workspace=api_workspace(request, slug, *MANAGES)))

    @extend_schema(summary="Register an address", request=WebhookBody, responses={201: WebhookMade})
    def post(self, request: Request, slug: str) -> Response:
        workspace = api_workspace(request, slug, *MANAGES)
        row = add_webhook(workspace=workspace, by=person_of(request), **self.wanted(WebhookBody))
        return Response(WebhookMade(row).data, status=201)


class WebhookEndpoint(Endpoint):
    serializer_class = WebhookRow

    @extend_schema(summary="Remove a webhook", responses={204: None})
    def delete(self, request: Request, slug: str, webhook: int) -> Response:
        remove_webhook(webhook=_webhook(request, slug, webhook), by=person_of(request))
        return Response(status=204)


class WebhookSecretEndpoint(Endpoint):
    serializer_class = WebhookMade

    @extend_schema(
        summary="A new secret; for a day messages are signed with both",
        request=None,
        responses={200: WebhookMade},
    )
    def post(self, request: Request, slug: str, webhook: int) -> Response:
        row = rotate_secret(webhook=_webhook(request, slug, webhook), by=person_of(request))
        return self.one(row)


class DeliveriesEndpoint(Endpoint):
    is_list = True
    serializer_class = DeliveryRow
    filters = {
        "state": Filter("state", choices=DeliveryState.values),
        "webhook": Filter("webhook", kind=int),
    }
    sorts = {"id": "pk"}

    @extend_schema(summary="What was sent to the webhooks of a workspace, newest first")
    def get(self, request: Request, slug: str) -> Response:
        workspace = api_workspace(request, slug, *MANAGES)
        return self.paged(Delivery.objects.filter(webhook__workspace=workspace).defer("body"))


class ResendEndpoint(Endpoint):
    serializer_class = DeliveryRow

    @extend_schema(
        summary="Send a message once more, under its own id",
        request=None,
        responses={201: DeliveryRow},
    )
    def post(self, request: Request, slug: str, delivery: int) -> Response:
        workspace = api_workspace(request, slug, *MANAGES)
        found = get_object_or_404(Delivery, webhook__workspace=workspace, pk=delivery)
        return self.one(resend(delivery=found, by=person_of(request)), status=201)


def _webhook(request: Request, slug: str, pk: int) -> Webhook:
    workspace = api_workspace(request, slug, *MANAGES)
    found: Webhook = get_object_or_404(Webhook, workspace=workspace, pk=pk)
    return found
