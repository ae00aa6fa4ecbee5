"""Have models answer a set of prompts: a batch of requests, and a job that makes them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from annotation.actions.add_texts import add_completion
from annotation.models import Prompt
from training.actions.ask import fill_batch
from training.generate.requests import Ask, Sampling
from training.models import Batch, BatchEntry, Generation, GenerationState, ModelEndpoint
from webapp.audit.actions.record import record
from webapp.clean_json import check_storable
from webapp.jobs import enqueue

PURPOSE = "sample"
MOST_REQUESTS = 500_000
PAGE = 500


@dataclass(frozen=True)
class SamplePlan:
    """What a manager says: whom to ask, how, and how often each.

    `samples` answers are drawn for each prompt, model, temperature and seed.
    """

    name: str
    endpoints: tuple[ModelEndpoint, ...]
    temperatures: tuple[float, ...] = (0.7,)
    seeds: tuple[int, ...] = (0,)
    samples: int = 1
    top_p: float = 1.0
    max_tokens: int | None = None
    budget: Decimal | None = None
    most: int | None = None  # prompts at most, oldest first
    filter: dict[str, Any] | None = None  # as the prompts were chosen, for whoever looks later

    def samplings(self) -> list[Sampling]:
        """Raises ValidationError for a value outside its range."""
        return [
            Sampling(temperature, self.top_p, self.max_tokens, seed, sample)
            for temperature in self.temperatures
            for seed in self.seeds
            for sample in range(self.samples)
        ]

    def as_json(self) -> dict[str, Any]:
        return {
            "endpoints": [endpoint.name for endpoint in self.endpoints],
            "temperatures": list(self.temperatures),
            "seeds": list(self.seeds),
            "samples": self.samples,
            "top_p": self.top_p,
            "max_tokens": self.max_tokens,
            "most": self.most,
            "filter": self.filter or {},
        }


@transaction.atomic
def sample(*, workspace: Any, by: Any, plan: SamplePlan, prompts: QuerySet[Prompt]) -> Batch:
    """Queue the requests and their job.

    Raises:
        ValidationError: nothing to ask, nobody to ask, or more than can be wanted.
    """
    samplings = plan.samplings()
    usable = prompts.filter(workspace=workspace, retired_at__isnull=True).order_by("pk")
    chosen = usable[: plan.most] if plan.most else usable
    count = chosen.count()
    _check(plan, count, count * len(plan.endpoints) * len(samplings))
    batch = Batch.objects.create(
        workspace=workspace,
        name=plan.name,
        purpose=PURPOSE,
        settings=plan.as_json(),
        budget=plan.budget,
        created_by=by,
    )
    fill_batch(batch=batch, asks=_asks(chosen, plan.endpoints, samplings))
    local = any(endpoint.is_local for endpoint in plan.endpoints)
    batch.job = enqueue(
        kind="sample with models" if local else "sample",
        owner=by,
        workspace=workspace,
        arguments={"batch": batch.pk},
    )
    batch.save(update_fields=["job"])
    record(
        actor=by,
        action="models.sample",
        target=batch,
        workspace=workspace,
        changes={"requests": [0, batch.entries.count()], "prompts": [0, count]},
    )
    return batch


def _check(plan: SamplePlan, prompts: int, requests: int) -> None:
    if not plan.endpoints:
        raise ValidationError(_("Choose at least one model."))
    if not prompts:
        raise ValidationError(
            _("The filter finds no prompt. Import prompts first, or widen the filter.")
        )
    if not 0 < requests <= MOST_REQUESTS:
        raise ValidationError(
            _("That makes %(given)d requests; at most %(most)d are made by one job.")
            % {"given": requests, "most": MOST_REQUESTS}
        )
    check_storable(plan.as_json())


def _asks(
    prompts: QuerySet[Prompt], endpoints: Sequence[ModelEndpoint], samplings: Sequence[Sampling]
) -> Iterator[Ask]:
    for prompt in prompts.only("pk", "messages").iterator(PAGE):
        if not prompt.messages:
            continue  # a reference to a text that was never imported
        messages = [{"role": m["role"], "content": m["content"]} for m in prompt.messages]
        for endpoint in endpoints:
            for sampling in samplings:
                yield Ask(endpoint, messages, sampling, prompt)


def store_answers(*, batch: Batch, most: int = PAGE) -> int:
    """Make completions of answers of the batch that are none yet; how many were made."""
    entries = (
        BatchEntry.objects.filter(
            batch=batch,
            completion__isnull=True,
            prompt__isnull=False,
            generation__state=GenerationState.DONE,
        )
        .select_related("generation__endpoint", "prompt")
        .order_by("pk")[:most]
    )
    stored = 0
    for entry in entries:
        with transaction.atomic():
            entry.completion = add_completion(
                prompt=entry.prompt,  # type: ignore[arg-type]
                said=[entry.generation.text],
                generator=entry.generation.endpoint.name,
                settings=kept_settings(entry.generation),
            )
            entry.save(update_fields=["completion"])
        stored += 1
    return stored


def kept_settings(row: Generation) -> dict[str, Any]:
    """What a completion says about how it was made."""
    return {
        **row.settings,
        "model": row.endpoint.model,
        "style": row.endpoint.style,
        "finish": row.finish,
        "request": bytes(row.fingerprint).hex(),
    }
