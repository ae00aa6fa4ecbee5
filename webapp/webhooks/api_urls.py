"""Endpoints of webhooks, below /api/v1/workspaces/<slug>/webhooks/."""

from django.urls import path

from webapp.webhooks import api

urlpatterns = [
    path("", api.WebhooksEndpoint.as_view(), name="api_webhooks"),
    path("<int:webhook>/", api.WebhookEndpoint.as_view(), name="api_webhook"),
    path("<int:webhook>/secret/", api.WebhookSecretEndpoint.as_view(), name="api_webhook_secret"),
    path("sent/", api.DeliveriesEndpoint.as_view(), name="api_deliveries"),
    path("sent/<int:delivery>/again/", api.ResendEndpoint.as_view(), name="api_delivery_again"),
]
