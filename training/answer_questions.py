"""Models answer the questions of conversations: annotation.answerers asks."""

from collections.abc import Sequence
from typing import Any

from django.utils.translation import gettext as _

from annotation.models import Prompt
from training.actions.sample import SamplePlan, sample
from training.models import ModelEndpoint


def answer(campaign: Any, prompts: Sequence[int]) -> None:
    """Queue as many answers as the campaign shows, spread over the models that it names.

    A campaign that names no model to ask waits for answers that are sampled or imported by hand.
    """
    endpoints = tuple(
        ModelEndpoint.objects.filter(
            workspace=campaign.workspace, name__in=campaign.generators, retired_at=None
        ).order_by("pk")[: campaign.answers]
    )
    if not endpoints:
        return
    sample(
        workspace=campaign.workspace,
        by=campaign.created_by,
        plan=SamplePlan(
            name=(_("Conversations of %s") % campaign.name)[:100],
            endpoints=endpoints,
            samples=-(-campaign.answers // len(endpoints)),
        ),
        prompts=Prompt.objects.filter(pk__in=list(prompts)),
    )


def names(workspace: Any) -> list[str]:
    """Models that can be asked in a workspace."""
    found = ModelEndpoint.objects.filter(workspace=workspace, retired_at=None)
    return list(found.values_list("name", flat=True))
