"""Put requests into rows, each once, and see to it that somebody makes them."""

from collections.abc import Iterable, Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from training.generate import claims
from training.generate.requests import Ask, checked_messages
from training.models import Batch, BatchEntry, Generation, GenerationState, ModelEndpoint, Server
from webapp.jobs import enqueue
from webapp.jobs.models import FINISHED, Queue

KINDS_OF_SERVERS = {Queue.DEFAULT: "answer", Queue.GPU: "answer with models"}
AT_ONCE = 500
ENDED_WITHOUT_ANSWER = (GenerationState.FAILED, GenerationState.STOPPED)
BEGIN_ANEW = {
    "state": GenerationState.QUEUED,
    "error": "",
    "text": "",
    "tries": 0,
    "finished_at": None,
}


@transaction.atomic
def ask(*asks: Ask) -> list[Generation]:
    """The requests' rows, in order; new ones are answered as soon as a worker can.

    The same request asked again gives the same row. One that failed is tried again.

    Raises:
        ValidationError: an endpoint is not asked any more, or the messages cannot be.
    """
    for each in asks:
        _check(each.endpoint)
        checked_messages(each.messages)
    found = rows_of(asks)
    again = [
        row.pk for row in found if row.state in (GenerationState.FAILED, GenerationState.STOPPED)
    ]
    Generation.objects.filter(pk__in=again).update(**BEGIN_ANEW, not_before=Now())
    open_rows = [row.pk for row in found if row.state != GenerationState.DONE]
    Generation.objects.filter(pk__in=open_rows).update(is_waited_for=True)
    queues = {
        _queue(each.endpoint)
        for each, row in zip(asks, found, strict=True)
        if row.state != GenerationState.DONE
    }
    for queue in sorted(queues):  # in one order, so that two askers never wait for each other
        start_server(queue=queue)
    fresh = Generation.objects.select_related("endpoint").in_bulk([row.pk for row in found])
    return [fresh[row.pk] for row in found]


@transaction.atomic
def ask_again(*, generation: Generation) -> Generation:
    """Try a failed or stopped request once more; another state is left as it is."""
    _check(generation.endpoint)
    rows = Generation.objects.filter(pk=generation.pk, state__in=ENDED_WITHOUT_ANSWER)
    if rows.update(**BEGIN_ANEW, is_waited_for=True, not_before=Now()):
        start_server(queue=_queue(generation.endpoint))
    generation.refresh_from_db()
    return generation


def stop_generation(*, generation: Generation) -> bool:
    """End a request that waits or is being answered; its job notices within a second or two."""
    going = [GenerationState.QUEUED, GenerationState.RUNNING]
    stopped = Generation.objects.filter(pk=generation.pk, state__in=going).update(
        state=GenerationState.STOPPED, finished_at=Now(), reserved=0
    )
    return bool(stopped)


@transaction.atomic
def start_server(*, queue: str) -> None:
    """Have one job answer whoever waits on `queue`; nothing is done when one does already."""
    claims.lock(queue)
    server, _made = Server.objects.select_related("job").get_or_create(queue=queue)
    if server.job is None or server.job.state in FINISHED or server.job.is_stopping:
        server.job = enqueue(kind=KINDS_OF_SERVERS[Queue(queue)], owner=None)
        server.save(update_fields=["job"])


@transaction.atomic
def fill_batch(*, batch: Batch, asks: Iterable[Ask]) -> int:
    """Add requests to a batch; the same request is in it once. Returns how many it holds.

    Raises:
        ValidationError: an endpoint is not asked any more.
    """
    waiting: list[Ask] = []
    checked: set[int] = set()
    for each in asks:
        if each.endpoint.pk not in checked:
            _check(each.endpoint)
            checked.add(each.endpoint.pk)
        waiting.append(each)
        if len(waiting) >= AT_ONCE:
            _add(batch, waiting)
            waiting = []
    _add(batch, waiting)
    return batch.entries.count()


def _add(batch: Batch, asks: Sequence[Ask]) -> None:
    BatchEntry.objects.bulk_create(
        (
            BatchEntry(batch=batch, generation=row, prompt=each.prompt)
            for each, row in zip(asks, rows_of(asks), strict=True)
        ),
        ignore_conflicts=True,
    )


def rows_of(asks: Sequence[Ask]) -> list[Generation]:
    """The rows of these requests, in order; made where there were none."""
    prints = [each.fingerprint() for each in asks]
    Generation.objects.bulk_create(
        (
            Generation(
                endpoint=each.endpoint,
                fingerprint=fingerprint,
                messages=each.messages,
                settings={
                    **each.sampling.as_json(),
                    "max_tokens": each.sampling.limit(each.endpoint),
                },
            )
            for each, fingerprint in zip(asks, prints, strict=True)
        ),
        ignore_conflicts=True,
    )
    known = {
        (row.endpoint_id, bytes(row.fingerprint)): row
        for row in Generation.objects.filter(
            endpoint__in={each.endpoint.pk for each in asks}, fingerprint__in=prints
        )
    }
    return [
        known[each.endpoint.pk, fingerprint] for each, fingerprint in zip(asks, prints, strict=True)
    ]


def _queue(endpoint: ModelEndpoint) -> str:
    return Queue.GPU if endpoint.is_local else Queue.DEFAULT


def _check(endpoint: ModelEndpoint) -> Any:
    if endpoint.retired_at is not None:
        raise ValidationError(
            _("“%(name)s” is retired. Choose another model.") % {"name": endpoint.name}
        )
