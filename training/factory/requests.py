"""The requests of a run: put into rows before they are made, found again when they are answered."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from training.actions.ask import fill_batch, rows_of
from training.factory.plan import Settings
from training.generate import Ask
from training.models import (
    Candidate,
    FactoryRequest,
    FactoryRun,
    FactorySeed,
    GenerationState,
)


@dataclass(frozen=True)
class Wanted:
    """A request to make. `number` tells the requests of a step apart."""

    step: str
    number: int
    text: str
    about: Candidate | None = None
    seed: FactorySeed | None = None
    shown: dict[str, Any] = field(default_factory=dict)


@transaction.atomic
def queue(run: FactoryRun, version: int, settings: Settings, wanted: Sequence[Wanted]) -> int:
    """Put requests into the run's batch; those that are there already stay. How many are new."""
    known = set(
        FactoryRequest.objects.filter(
            run=run, step__in={each.step for each in wanted}, number__in=[w.number for w in wanted]
        ).values_list("step", "number")
    )
    new = [each for each in wanted if (each.step, each.number) not in known]
    if not new:
        return 0
    asks = [
        Ask(
            run.endpoint,
            [{"role": "user", "content": each.text}],
            settings.sampling(each.step, each.number),
        )
        for each in new
    ]
    fill_batch(batch=run.batch, asks=asks)
    FactoryRequest.objects.bulk_create(
        FactoryRequest(
            run=run,
            step=each.step,
            number=each.number,
            version=version,
            generation=row,
            about=each.about,
            seed=each.seed,
            shown=each.shown,
        )
        for each, row in zip(new, rows_of(asks), strict=True)
    )
    return len(new)


def answered(run: FactoryRun) -> Iterator[FactoryRequest]:
    """Requests whose answer nobody has read yet, in the order in which they were made."""
    found: QuerySet[FactoryRequest] = FactoryRequest.objects.filter(
        run=run, taken_at__isnull=True, generation__state=GenerationState.DONE
    )
    rows = found.select_related("generation", "about__parent", "about__seed", "seed")
    yield from rows.order_by("pk")
