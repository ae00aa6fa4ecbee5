"""Register an address, change its secret, take it away, send something once more."""

from datetime import timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from webapp.audit.actions.record import record
from webapp.outbound import OutboundRefused, check
from webapp.webhooks.actions.announce import post, send_later
from webapp.webhooks.events import TEST, Event
from webapp.webhooks.models import Delivery, DeliveryState, Webhook
from webapp.webhooks.signing import new_secret
from webapp.workspaces.models import Workspace

MOST = 20  # of a workspace
BOTH_SIGN = timedelta(hours=24)


@transaction.atomic
def add_webhook(*, workspace: Workspace, by: Any, url: str, events: list[str]) -> Webhook:
    """
    Raises:
        ValidationError: the address is refused by the rules for outgoing requests, no event or an
            unknown one was chosen, or there are too many webhooks.
    """
    url = url.strip()
    unknown = [event for event in events if event not in Event.values]
    if not events or unknown:
        allowed = ", ".join(Event.values)
        raise ValidationError({"events": _("Choose at least one of: %s.") % allowed})
    try:
        check(url)
    except OutboundRefused as refused:
        raise ValidationError({"url": str(refused)}) from None
    Workspace.objects.select_for_update().get(pk=workspace.pk)  # counted one at a time
    if workspace.webhooks.count() >= MOST:
        raise ValidationError(_("A workspace has at most %d webhooks. Remove one first.") % MOST)
    row = Webhook.objects.create(
        workspace=workspace,
        url=url,
        events=[event for event in Event.values if event in events],
        secret=new_secret(),
        created_by=by,
    )
    changes = {"url": [None, url], "events": [[], row.events]}
    record(actor=by, action="webhook.add", target=row, workspace=workspace, changes=changes)
    return row


@transaction.atomic
def rotate_secret(*, webhook: Webhook, by: Any) -> Webhook:
    """A new secret; the old one signs too for a day, so that no message is refused meanwhile."""
    row = Webhook.objects.select_for_update().select_related("workspace").get(pk=webhook.pk)
    row.old_secret, row.secret = row.secret, new_secret()
    row.old_secret_until = timezone.now() + BOTH_SIGN
    row.save(update_fields=["secret", "old_secret", "old_secret_until"])
    record(actor=by, action="webhook.rotate", target=row, workspace=row.workspace)
    return row


@transaction.atomic
def remove_webhook(*, webhook: Webhook, by: Any) -> None:
    """Its deliveries go with it; what is being sent at this moment may still arrive."""
    changes = {"url": [webhook.url, None]}
    record(
        actor=by,
        action="webhook.remove",
        target=webhook,
        workspace=webhook.workspace,
        changes=changes,
    )
    webhook.delete()


@transaction.atomic
def send_test(*, webhook: Webhook, by: Any) -> Delivery:
    record(actor=by, action="webhook.test", target=webhook, workspace=webhook.workspace)
    return post(webhook, TEST, {"webhook": webhook.pk}, webhook.workspace)


@transaction.atomic
def resend(*, delivery: Delivery, by: Any) -> Delivery:
    """The same message once more, under its own id: who has it already knows it by that.

    Raises:
        ValidationError: it is still being tried.
    """
    row = Delivery.objects.select_for_update().get(pk=delivery.pk)
    if row.state == DeliveryState.WAITING:
        raise ValidationError(_("This message is still being tried; wait for its end."))
    webhook = Webhook.objects.select_related("workspace").get(pk=row.webhook_id)
    if webhook.stopped_at is not None:  # a person says that the other side is there again
        webhook.stopped_at = None
        webhook.save(update_fields=["stopped_at"])
    record(actor=by, action="webhook.resend", target=row, workspace=webhook.workspace)
    return send_later(
        webhook,
        webhook.workspace,
        event=row.event,
        message_id=row.message_id,
        body=row.body,
    )
