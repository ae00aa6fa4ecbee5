"""The job that carries one message over. Its attempts and pauses are those of every job."""

from typing import Any

from django.db.models import F
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from webapp.jobs import JobFailed, Work, job_kind
from webapp.outbound import OutboundFailed, OutboundRefused, fetch
from webapp.webhooks.models import Delivery, DeliveryState, Webhook
from webapp.webhooks.signing import headers

ATTEMPTS = 8  # with pauses of 10 s, 20 s, 40 s ... up to ten minutes: about twenty minutes in all
SECONDS = 15.0
GONE = 410


class NotTaken(Exception):
    """The other side did not take it; it is tried again."""


def _page(job: Any) -> str | None:
    return reverse("webhooks", args=[job.workspace.slug]) if job.workspace else None


@job_kind(
    "webhook delivery",
    label=gettext_lazy("Telling a webhook"),
    max_attempts=ATTEMPTS,
    page=_page,
)
def deliver(work: Work) -> dict[str, Any]:
    """Send one message; raises NotTaken to be run again later.

    Raises:
        JobFailed: the address is refused here, the other side is gone for good, or it was the
            last attempt.
    """
    delivery = (
        Delivery.objects.select_related("webhook").filter(pk=work.arguments["delivery"]).first()
    )
    if delivery is None or delivery.state != DeliveryState.WAITING:
        return {}  # the webhook was removed, or an earlier attempt got through
    status, sentence, hopeless = _send(delivery)
    told: dict[str, Any] = {
        "attempts": F("attempts") + 1,
        "status": status,
        "error": sentence[:300],
        "last_at": timezone.now(),
    }
    last = hopeless or work.attempt >= work.job.max_attempts
    state = (
        DeliveryState.FAILED
        if sentence and last
        else DeliveryState.WAITING
        if sentence
        else DeliveryState.DELIVERED
    )
    with work.fenced():
        if status == GONE:
            Webhook.objects.filter(pk=delivery.webhook_id).update(stopped_at=timezone.now())
        delivery.settle(state=state, **told)
    if sentence and last:
        raise JobFailed(sentence)
    if sentence:
        raise NotTaken(sentence)
    return {"status": status}


def _send(delivery: Delivery) -> tuple[int | None, str, bool]:
    """The status, what went wrong ("": nothing), and whether trying again is of no use."""
    webhook = delivery.webhook
    body = delivery.body.encode()
    now = timezone.now()
    secrets = [webhook.secret]
    if webhook.old_secret and webhook.old_secret_until and webhook.old_secret_until > now:
        secrets.append(webhook.old_secret)
    signed = headers(delivery.message_id, int(now.timestamp()), body, secrets)
    try:
        answer = fetch(
            webhook.url,
            method="POST",
            headers=signed,
            body=body,
            seconds=SECONDS,
            most_bytes=100_000,
        )
    except OutboundRefused as refused:
        return None, str(refused), True
    except OutboundFailed as failed:
        return None, str(failed), False
    if 200 <= answer.status < 300:
        return answer.status, "", False
    if answer.status == GONE:
        sentence = _("It answered 410: gone. It is told nothing more until you send again.")
        return answer.status, sentence, True
    return answer.status, _("It answered %d instead of 2xx.") % answer.status, False
