"""The page of a workspace's webhooks: who is told, what was sent, and the new secret once."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache

from webapp.webhooks.actions.change_webhooks import (
    add_webhook,
    remove_webhook,
    resend,
    rotate_secret,
    send_test,
)
from webapp.webhooks.forms import WebhookForm
from webapp.webhooks.models import Delivery, Webhook
from webapp.workspaces.access import workspace_page
from webapp.workspaces.models import Role, Workspace

SHOWN = 50


def _page(
    request: HttpRequest, workspace: Workspace, form: WebhookForm, made: Webhook | None = None
) -> HttpResponse:
    """The list; only the answer to adding or changing a secret shows it."""
    sent = Delivery.objects.filter(webhook__workspace=workspace).select_related("webhook")
    context: dict[str, Any] = {
        "form": form,
        "webhooks": Webhook.objects.filter(workspace=workspace),
        "deliveries": Paginator(sent.defer("body"), SHOWN).get_page(request.GET.get("page")),
        "made": made,
    }
    status = 422 if form.errors else 200
    return render(request, "webhooks/list.html", context, status=status)


@never_cache
@workspace_page(Role.MANAGER, methods=("GET", "POST"))
def webhook_list(request: HttpRequest, workspace: Workspace) -> HttpResponse:
    form = WebhookForm(request.POST if request.method == "POST" else None)
    if request.method != "POST" or not form.is_valid():
        return _page(request, workspace, form)
    try:
        made = add_webhook(workspace=workspace, by=request.user, **form.cleaned_data)
    except ValidationError as refused:
        form.add_error(None, refused)
        return _page(request, workspace, form)
    return _page(request, workspace, WebhookForm(), made)


@never_cache
@workspace_page(Role.MANAGER, methods=("POST",))
def webhook_rotate(request: HttpRequest, workspace: Workspace, webhook: int) -> HttpResponse:
    found = get_object_or_404(Webhook, workspace=workspace, pk=webhook)
    made = rotate_secret(webhook=found, by=request.user)
    return _page(request, workspace, WebhookForm(), made)


@workspace_page(Role.MANAGER, methods=("GET", "POST"))
def webhook_remove(request: HttpRequest, workspace: Workspace, webhook: int) -> HttpResponse:
    found = get_object_or_404(Webhook, workspace=workspace, pk=webhook)
    if request.method == "POST":
        remove_webhook(webhook=found, by=request.user)
        messages.success(request, _("The webhook is removed."))
        return redirect("webhooks", workspace.slug)
    context = {
        "question": _("Remove the webhook %(url)s?") % {"url": found.url},
        "sentence": _("It is told nothing more, and the list of what was sent goes too."),
        "submit": _("Remove it"),
        "cancel": reverse("webhooks", args=[workspace.slug]),
    }
    return render(request, "elements/confirm.html", context)


@workspace_page(Role.MANAGER, methods=("POST",))
def webhook_test(request: HttpRequest, workspace: Workspace, webhook: int) -> HttpResponse:
    found = get_object_or_404(Webhook, workspace=workspace, pk=webhook)
    send_test(webhook=found, by=request.user)
    messages.success(request, _("A message is on its way; its line below says how it went."))
    return redirect("webhooks", workspace.slug)


@workspace_page(Role.MANAGER, methods=("POST",))
def webhook_resend(request: HttpRequest, workspace: Workspace, delivery: int) -> HttpResponse:
    found = get_object_or_404(Delivery, webhook__workspace=workspace, pk=delivery)
    try:
        resend(delivery=found, by=request.user)
    except ValidationError as refused:
        messages.error(request, " ".join(refused.messages))
    else:
        messages.success(request, _("The same message is on its way once more."))
    return redirect("webhooks", workspace.slug)
