"""Say that something happened, to every webhook of the workspace that asked for it."""

import json
import uuid
from collections.abc import Mapping
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.utils import timezone

from webapp.jobs import enqueue
from webapp.webhooks.events import TEST, Event
from webapp.webhooks.models import Delivery, Webhook
from webapp.workspaces.models import Workspace

# Which of %(events)s anybody listens to, inside a statement that is made anyway.
LISTENED = """
ARRAY(SELECT DISTINCT event FROM webhooks_webhook hook, unnest(hook.events) AS event
      WHERE hook.workspace_id = %(workspace)s AND hook.stopped_at IS NULL
        AND event = ANY (%(events)s))
"""


def announce(workspace: Workspace, event: str, payload: Mapping[str, Any]) -> None:
    """Write a delivery and its job for every webhook that listens, in the caller's transaction.

    `payload` is plain JSON: ids, names and addresses; no texts of people and no secrets.

    Raises:
        ValueError: the event is none of events.Event.
    """
    if event not in Event.values:
        raise ValueError(f"The event is {event!r}. Allowed: {', '.join(Event.values)}.")
    listening = Webhook.objects.filter(
        workspace=workspace, events__contains=[event], stopped_at=None
    )
    for webhook in listening:
        post(webhook, event, payload, workspace)


def post(
    webhook: Webhook, event: str, payload: Mapping[str, Any], workspace: Workspace
) -> Delivery:
    """One message to one webhook, whatever it listens to: the test button's way."""
    assert event == TEST or event in Event.values
    message = {
        "type": event,
        "timestamp": timezone.now(),
        "workspace": workspace.slug,
        "data": dict(payload),
    }
    body = json.dumps(message, cls=DjangoJSONEncoder, ensure_ascii=False, allow_nan=False)
    return send_later(
        webhook, workspace, event=event, message_id=f"msg_{uuid.uuid4().hex}", body=body
    )


def send_later(webhook: Webhook, workspace: Workspace, **fields: str) -> Delivery:
    delivery = Delivery.objects.create(webhook=webhook, **fields)
    enqueue(
        kind="webhook delivery",
        owner=None,
        workspace=workspace,
        arguments={"delivery": delivery.pk},
    )
    return delivery
