"""A webhook that has been told something, for tests of other rooms."""

import json
from typing import Any

from webapp.webhooks.models import Delivery, DeliveryState, Webhook
from webapp.webhooks.signing import new_secret
from webapp.workspaces.models import Workspace

ADDRESS = "https://93.184.215.14/hook"


def a_listener(workspace: Workspace, by: Any, *events: str) -> Webhook:
    """A webhook whose messages are written and go nowhere: its address is refused at once."""
    return Webhook.objects.create(
        workspace=workspace,
        url="https://127.0.0.1/hook",
        events=list(events),
        secret=new_secret(),
        created_by=by,
    )


def told(webhook: Webhook) -> list[tuple[str, dict[str, Any]]]:
    """(event, data) of what it was told, in order."""
    rows = Delivery.objects.filter(webhook=webhook).order_by("pk")
    return [(row.event, json.loads(row.body)["data"]) for row in rows]


def a_webhook_with_a_delivery(workspace: Workspace, by: Any) -> dict[str, int]:
    webhook = Webhook.objects.create(
        workspace=workspace,
        url=ADDRESS,
        events=["snapshot.ready", "run.started", "run.finished"],
        secret=new_secret(),
        created_by=by,
    )
    delivery = Delivery.objects.create(
        webhook=webhook,
        event="run.failed",
        message_id="msg_1",
        body="{}",
        state=DeliveryState.FAILED,
    )
    return {"webhook": webhook.pk, "delivery": delivery.pk}
