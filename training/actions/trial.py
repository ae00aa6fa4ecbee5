"""The playground: ask several models the same, and keep what is worth keeping."""

import uuid
from dataclasses import dataclass, field
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from annotation.actions.add_item import add_item
from annotation.actions.add_texts import add_completion, add_demonstration, add_prompt
from annotation.models import Campaign, Completion, Demonstration, Prompt
from training.actions.ask import ask
from training.actions.sample import kept_settings
from training.generate.probes import PROBES
from training.generate.requests import Ask, Sampling, checked_messages
from training.models import GenerationState, ModelEndpoint, Trial, TrialColumn
from webapp.audit.actions.record import record

MOST_COLUMNS = 8
SOURCE = "playground"


@dataclass(frozen=True)
class TrialPlan:
    """One prompt for several models, with the same settings and seed for all."""

    messages: list[dict[str, str]]
    endpoints: tuple[ModelEndpoint, ...]
    sampling: Sampling = field(default_factory=Sampling)
    probe: str = ""
    probe_set: uuid.UUID | None = None


@transaction.atomic
def start_trial(*, workspace: Any, by: Any, plan: TrialPlan) -> Trial:
    """Ask, and remember who was asked; the answers grow in the columns' generations.

    Raises:
        ValidationError: no prompt, no model or too many of them, or one is retired.
    """
    if not 0 < len(plan.endpoints) <= MOST_COLUMNS:
        raise ValidationError(
            _("Choose 1 to %(most)d models; %(given)d are chosen.")
            % {"most": MOST_COLUMNS, "given": len(plan.endpoints)}
        )
    messages = checked_messages(plan.messages)
    trial = Trial.objects.create(
        workspace=workspace,
        created_by=by,
        messages=messages,
        settings=plan.sampling.as_json(),
        probe=plan.probe,
        probe_set=plan.probe_set,
    )
    rows = ask(*(Ask(endpoint, messages, plan.sampling) for endpoint in plan.endpoints))
    TrialColumn.objects.bulk_create(
        TrialColumn(trial=trial, endpoint=endpoint, generation=row)
        for endpoint, row in zip(plan.endpoints, rows, strict=True)
    )
    return trial


@transaction.atomic
def start_probe_set(
    *, workspace: Any, by: Any, endpoints: tuple[ModelEndpoint, ...], sampling: Sampling
) -> uuid.UUID:
    """Every built-in probe as a trial of its own; they share the returned name.

    Raises:
        ValidationError: as start_trial does.
    """
    name = uuid.uuid4()
    for probe in PROBES:
        plan = TrialPlan(
            [{"role": "user", "content": probe.prompt}], endpoints, sampling, probe.name, name
        )
        start_trial(workspace=workspace, by=by, plan=plan)
    return name


@transaction.atomic
def keep_answers(
    *, trial: Trial, by: Any, columns: list[TrialColumn], campaign: Campaign | None = None
) -> tuple[Prompt, list[Completion]]:
    """Keep answers under their prompt and, with `campaign`, have people judge them there.

    Raises:
        ValidationError: no complete answer is chosen, or they do not fit the campaign.
    """
    done = [c for c in columns if c.generation.state == GenerationState.DONE]
    if not done:
        raise ValidationError(_("Choose at least one answer that is complete."))
    prompt = _prompt_of(trial, by)
    completions = [
        add_completion(
            prompt=prompt,
            said=[column.generation.text],
            generator=column.endpoint.name,
            settings=kept_settings(column.generation),
        )
        for column in done
    ]
    if campaign is not None:
        add_item(campaign=campaign, by=by, prompt=prompt, completions=completions)
    record(
        actor=by,
        action="playground.keep",
        target=prompt,
        workspace=trial.workspace,
        changes={"answers": [0, len(completions)]},
    )
    return prompt, completions


@transaction.atomic
def keep_demonstration(
    *, trial: Trial, by: Any, column: TrialColumn, text: str, key: uuid.UUID
) -> Demonstration:
    """Keep an answer, corrected or as it is, as the example that models should learn from.

    Raises:
        ValidationError: the text is empty or cannot be stored.
    """
    prompt, [completion] = keep_answers(trial=trial, by=by, columns=[column])
    return add_demonstration(
        prompt=prompt, text=text, by=by, key=key, rewritten_from=completion, source_id=SOURCE
    )


def _prompt_of(trial: Trial, by: Any) -> Prompt:
    return add_prompt(workspace=trial.workspace, messages=trial.messages, by=by, source=SOURCE)
