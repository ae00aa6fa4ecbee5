"""Rows of requests as jobs take, keep and give them back. Who may write is (job, attempt)."""

import random
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.db import connection, transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet, Sum
from django.db.models.functions import Coalesce, Now

from training.models import Batch, BatchEntry, Generation, GenerationState, ModelEndpoint
from webapp.jobs.models import Job
from webapp.jobs.models import State as JobState
from webapp.jobs.work import Work

LONGEST_PAUSE = 60.0
# One statement: a row that another job is taking is passed over, not waited for.
CLAIM = """
WITH next AS (
    SELECT generation.id FROM training_generation generation
    WHERE generation.id = ANY(%s) AND generation.state = 'queued'
    ORDER BY generation.id
    FOR UPDATE SKIP LOCKED
)
UPDATE training_generation SET
    state = 'running', job_id = %s, job_attempt = %s, text = '', error = '', finish = '',
    tries = tries + 1, started_at = statement_timestamp(), first_text_at = NULL
FROM next WHERE training_generation.id = next.id
RETURNING training_generation.*
"""


class BudgetSpent(Exception):
    """What may be spent is spent; the message says whose budget, and what to do."""


def waiting(batch: Batch | None) -> QuerySet[Generation]:
    """The requests to make: of a batch, or of people who wait."""
    queued = Generation.objects.filter(
        state=GenerationState.QUEUED, endpoint__retired_at__isnull=True
    )
    if batch is None:
        return queued.filter(is_waited_for=True)
    return queued.filter(Exists(BatchEntry.objects.filter(batch=batch, generation=OuterRef("pk"))))


def claim(
    work: Work, rows: QuerySet[Generation], endpoint: ModelEndpoint, most: int, batch: Batch | None
) -> list[Generation]:
    """Up to `most` due requests to `endpoint`, now held by this attempt, their cost reserved.

    Raises:
        BudgetSpent: the next request might cost more than is left; it stays where it was.
    """
    with transaction.atomic():
        if endpoint.budget is not None:  # two jobs must not spend the same money
            endpoint = ModelEndpoint.objects.select_for_update().get(pk=endpoint.pk)
        due = rows.filter(endpoint=endpoint, not_before__lte=Now()).order_by("pk")
        found = list(due[:most])
        affordable = _affordable(endpoint, batch, found)
        if found and not affordable:
            raise BudgetSpent(_over(endpoint, batch))
        ids = [row.pk for row in affordable]
        taken = list(Generation.objects.raw(CLAIM, [ids, work.job.pk, work.attempt]))
        for row in taken:
            row.endpoint = endpoint
            row.reserved = worst_cost(endpoint, row)
        Generation.objects.bulk_update(taken, ["reserved"])
    return taken


def _affordable(
    endpoint: ModelEndpoint, batch: Batch | None, rows: list[Generation]
) -> list[Generation]:
    left = [
        budget - spent
        for budget, spent in (
            (endpoint.budget, spent_by(endpoint) if endpoint.budget is not None else Decimal(0)),
            (
                batch.budget if batch else None,
                spent_in(batch) if batch and batch.budget is not None else Decimal(0),
            ),
        )
        if budget is not None
    ]
    if not left:
        return rows
    room, found = min(left), []
    for row in rows:
        room -= worst_cost(endpoint, row)
        if room < 0:
            break
        found.append(row)
    return found


def _over(endpoint: ModelEndpoint, batch: Batch | None) -> str:
    if batch is not None and batch.budget is not None:
        spent = spent_in(batch)
        return (
            f"The budget of this job is spent: {spent:.4f} of {batch.budget:.4f}, and the next "
            "request might cost more than is left. What was answered is kept."
        )
    return (
        f"The budget of {endpoint.name} is spent: {spent_by(endpoint):.4f} of "
        f"{endpoint.budget:.4f}, and the next request might cost more than is left. A manager can "
        "raise it on the endpoint's page."
    )


def estimated_tokens(text: str) -> int:
    """Four characters a token, as English has; the bytes for scripts whose letters take several."""
    return (len(text.encode()) + 3) // 4


def worst_cost(endpoint: ModelEndpoint, row: Generation) -> Decimal:
    """The most that one try may cost: the whole prompt, and an answer of full length."""
    asked = sum(estimated_tokens(message["content"]) for message in row.messages)
    asked += estimated_tokens(endpoint.preamble + str(endpoint.examples or ""))
    return endpoint.cost(asked, int(row.settings.get("max_tokens") or endpoint.most_tokens))


def spent_by(endpoint: ModelEndpoint) -> Decimal:
    return _total(Generation.objects.filter(endpoint=endpoint))


def spent_in(batch: Batch) -> Decimal:
    return _total(Generation.objects.filter(entries__batch=batch))


def _total(rows: QuerySet[Generation]) -> Decimal:
    total: Decimal = rows.aggregate(n=Coalesce(Sum(F("cost") + F("reserved")), Decimal(0)))["n"]
    return total


def held_by(work: Work) -> QuerySet[Generation]:
    return Generation.objects.filter(
        state=GenerationState.RUNNING, job_id=work.job.pk, job_attempt=work.attempt
    )


def write(work: Work, row: Generation, **values: Any) -> bool:
    """Write to a request that this attempt holds; False when it holds it no more."""
    return bool(held_by(work).filter(pk=row.pk).update(**values))


def pause_before(tries: int, asked_for: float | None) -> float:
    """Seconds before the next try: doubled each time, with jitter, never less than asked for."""
    pause = min(LONGEST_PAUSE, 2.0 ** (tries - 1)) * random.uniform(0.5, 1.5)  # noqa: S311
    return max(pause, asked_for or 0.0)


def ask_later(work: Work, row: Generation, sentence: str, seconds: float, cost: Decimal) -> bool:
    return write(
        work,
        row,
        state=GenerationState.QUEUED,
        not_before=Now() + timedelta(seconds=seconds),
        error=sentence[:500],
        text="",
        reserved=0,
        cost=F("cost") + cost,
    )


def give_back(work: Work) -> None:
    """Requests that this attempt did not come to an end with wait again, as if untried."""
    held_by(work).update(
        state=GenerationState.QUEUED, text="", reserved=0, tries=F("tries") - 1, not_before=Now()
    )


def take_back_from_the_dead() -> int:
    """Requests held by an attempt that is no more wait again. How many there were."""
    alive = Job.objects.filter(
        pk=OuterRef("job_id"), attempt=OuterRef("job_attempt"), state=JobState.RUNNING
    )
    lost = Generation.objects.filter(state=GenerationState.RUNNING).filter(
        Q(job__isnull=True) | ~Exists(alive)
    )
    return lost.update(state=GenerationState.QUEUED, text="", reserved=0, not_before=Now())


def lock(queue: str) -> None:
    """Begin and end of a queue's server exclude each other until the transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [f"rondo server {queue}"])
