"""A fresh human check of a reward model: what it would choose, beside another answer."""

from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from annotation.actions.add_item import add_item
from annotation.actions.open_campaign import Plan, open_without_items
from annotation.models import Campaign
from annotation.models.campaigns import Kind
from training.models import Scoring
from training.scoring.queries import choices, completions, scored
from webapp.audit.actions.record import record

MOST_PAIRS = 200  # laid out while a person waits
GUIDELINES = "Which answer helps more? Do not count length, confidence or politeness."


@transaction.atomic
def let_people_check(*, scoring: Scoring, by: Any, name: str, overlap: int = 1) -> Campaign:
    """Open a blind campaign: for each prompt the answer with the highest score beside another one
    of the same sampling, drawn at random.

    Raises:
        ValidationError: no prompt has two different scored answers, the campaign is there, or its
            name is taken.
    """
    row = Scoring.objects.select_for_update(of=("self",)).get(pk=scoring.pk)
    if row.check_campaign_id is not None:
        raise ValidationError(_("People are checking it already."))
    pairs = choices(scored(row), row.pk)[:MOST_PAIRS] if row.batch_id else []
    if not pairs:
        raise ValidationError(
            _("No prompt has two different answers with a score. Sample two or more for each.")
        )
    plan = Plan(name=name, kind=Kind.COMPARISON, overlap=overlap, guidelines=GUIDELINES)
    campaign = open_without_items(workspace=row.workspace, by=by, plan=plan)
    shown = completions(pairs)
    for chosen, other in pairs:
        both = [shown[chosen.completion], shown[other.completion]]
        add_item(campaign=campaign, by=by, prompt=both[0].prompt, completions=both)
    row.check_campaign = campaign
    row.save(update_fields=["check_campaign"])
    record(
        actor=by,
        action="answers.check_scores",
        target=row,
        workspace=row.workspace,
        changes={"campaign": ["", campaign.name], "items": [0, len(pairs)]},
    )
    return campaign
