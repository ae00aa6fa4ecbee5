"""A webhook that has been told something, for tests of other rooms."""

from typing import Any

from webapp.webhooks.models import Delivery, DeliveryState, Webhook
from webapp.webhooks.signing import new_secret
from webapp.workspaces.models import Workspace

ADDRESS = "https://93.184.215.14/hook"


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
