"""The win rate of a study: its models answer held-out prompts, and people compare each with the
model that all of them began from."""

from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from annotation.actions.add_item import add_item
from annotation.actions.open_campaign import Plan, open_without_items
from annotation.models import Campaign, Completion, Prompt, Split
from annotation.models.campaigns import Kind
from training.actions.endpoint import endpoint_of_version
from training.actions.sample import SamplePlan, sample
from training.models import Batch, ModelEndpoint, Study
from training.rounds.standing import free_name
from training.studies.plan import ANSWER
from training.studies.results import versions_of
from webapp.audit.actions.record import record

TEMPERATURE = 0.7
MOST_PROMPTS = 100
MOST_ITEMS = 1000  # laid out while a person waits


@transaction.atomic
def ask_models(*, study: Study, by: Any, most: int = MOST_PROMPTS) -> Batch:
    """Have the study's models and its base answer held-out prompts, once each.

    Raises:
        ValidationError: they have been asked, cannot be asked yet, or there is no such prompt.
    """
    row = Study.objects.select_for_update(of=("self",)).select_related("workspace", "base")
    found = row.get(pk=study.pk)
    if found.method not in ANSWER:
        raise ValidationError(
            _("Reward models give no answers; they are compared by their held-out accuracy.")
        )
    if found.answers_id is not None:
        raise ValidationError(_("They have been asked already."))
    endpoints = _endpoints(found, by)
    held_out = Prompt.objects.filter(workspace=found.workspace, split=Split.HELD_OUT)
    if not held_out.filter(retired_at=None).exists():
        raise ValidationError(
            _("No prompt is held out. Put some into the split “held out”, then ask again.")
        )
    found.answers = sample(
        workspace=found.workspace,
        by=by,
        plan=SamplePlan(
            name=_("%s: answers to compare") % found,
            endpoints=endpoints,
            temperatures=(TEMPERATURE,),
            seeds=(found.draw % 2**31,),
            most=max(1, min(most, MOST_ITEMS // max(1, len(endpoints) - 1))),
            filter={"splits": [Split.HELD_OUT.value]},
        ),
        prompts=held_out,
    )
    found.save(update_fields=["answers"])
    return found.answers


@transaction.atomic
def open_comparison(*, study: Study, by: Any, overlap: int = 1) -> Campaign:
    """A campaign in which each model's answer stands beside the base's to the same prompt.

    Raises:
        ValidationError: they have not answered, or the campaign is there.
    """
    row = Study.objects.select_for_update(of=("self",)).select_related("workspace", "base")
    found = row.get(pk=study.pk)
    if found.comparison_id is not None:
        raise ValidationError(_("The campaign is open already."))
    pairs = _pairs(found)
    if not pairs:
        raise ValidationError(_("There are no answers to compare yet."))
    campaigns = Campaign.objects.filter(workspace=found.workspace)
    campaign = open_without_items(
        workspace=found.workspace,
        by=by,
        plan=Plan(
            name=free_name(campaigns, _("%s: against the base") % found),
            kind=Kind.COMPARISON,
            overlap=overlap,
        ),
    )
    for prompt, completions in pairs[:MOST_ITEMS]:
        add_item(campaign=campaign, by=by, prompt=prompt, completions=completions)
    found.comparison = campaign
    found.save(update_fields=["comparison"])
    record(
        actor=by,
        action="study.compare",
        target=found,
        workspace=found.workspace,
        changes={"campaign": ["", campaign.name], "items": [0, len(pairs[:MOST_ITEMS])]},
    )
    return campaign


def _endpoints(study: Study, by: Any) -> tuple[ModelEndpoint, ...]:
    """The base and every model of the study, the base first."""
    versions = versions_of(study)
    if len(versions) < study.runs.count():
        raise ValidationError(_("Some runs have not left a model yet. Wait for them, or go on."))
    every = [study.base, *versions.values()]
    return tuple(endpoint_of_version(version=version, by=by) for version in every)


def _pairs(study: Study) -> list[tuple[Prompt, list[Completion]]]:
    """(prompt, [the base's answer, a model's]) of all that was answered, prompt by prompt."""
    if study.answers is None:
        return []
    answered: dict[int, dict[str, Completion]] = {}
    entries = study.answers.entries.filter(completion__isnull=False).order_by("prompt_id", "pk")
    for entry in entries.select_related("completion__prompt"):
        completion = entry.completion
        assert completion is not None
        answered.setdefault(completion.prompt_id, {})[completion.generator] = completion
    base = str(study.base)
    return [
        (by_model[base].prompt, [by_model[base], other])
        for by_model in answered.values()
        if base in by_model
        for name, other in by_model.items()
        if name != base
    ]
