"""Open a body of work: choose its prompts and answers, lay out the slots, hand it to the people."""

from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.db.models import Count, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from annotation.models import Campaign, CampaignWorker, Guidelines, Item, Prompt
from annotation.models.campaigns import Kind, State
from webapp.audit.actions.record import record

# Which answers an item shows is drawn once, by a seed that the campaign's id gives: the same
# campaign always lays out the same items, and no generator is favoured by age or name.
ADD_ANSWERS = """
INSERT INTO annotation_itemcompletion (item_id, completion_id)
SELECT drawn.item_id, drawn.completion_id FROM (
    SELECT item.id AS item_id, answer.id AS completion_id,
           row_number() OVER (PARTITION BY item.id
                              ORDER BY md5(answer.id || ':' || item.campaign_id)) AS place
    FROM annotation_item item
    JOIN annotation_completion answer ON answer.prompt_id = item.prompt_id
    WHERE item.campaign_id = %(campaign)s AND answer.has_text AND answer.retired_at IS NULL
      AND (cardinality(%(generators)s::text[]) = 0 OR answer.generator = ANY(%(generators)s))
) drawn
WHERE drawn.place <= %(answers)s
"""

# Slot-major: every item's first slot before any item's second one (see annotation.actions.assign).
ADD_SLOTS = """
INSERT INTO annotation_assignment (campaign_id, item_id, state, attempt, shown_order)
SELECT %(campaign)s, item.id, 'open', 0, '{}'
FROM generate_series(1, %(overlap)s) AS slot, annotation_item item
WHERE item.campaign_id = %(campaign)s
ORDER BY slot, item.id
"""


@dataclass(frozen=True)
class Plan:
    """Everything a manager says on the page that opens a campaign."""

    name: str
    kind: str
    guidelines: str = ""
    overlap: int = 1
    answers: int = 2
    generators: tuple[str, ...] = ()
    workers: tuple[Any, ...] = ()  # users; none: everybody who may work in the workspace
    cap: int | None = None
    repeat_share: float = 0.0
    minutes: int = 60
    deadline: Any = None
    content_warning: str = ""


@transaction.atomic
def open_campaign(
    *, workspace: Any, by: Any, plan: Plan, prompts: QuerySet[Prompt], most: int | None = None
) -> Campaign:
    """Create the campaign, its items and slots, and open it.

    `prompts` is what the filter of the page found; retired prompts are left out, and so are those
    with fewer answers than an item shows; `most` bounds how many are taken, oldest first.

    Raises:
        ValidationError: the name is taken, or no prompt is left to work on.
    """
    if Campaign.objects.filter(workspace=workspace, name=plan.name).exists():
        raise ValidationError(
            {"name": _("There is already a campaign named “%s”. Choose another name.") % plan.name}
        )
    campaign = Campaign.objects.create(
        workspace=workspace,
        created_by=by,
        name=plan.name,
        kind=plan.kind,
        overlap=plan.overlap,
        answers=0 if plan.kind == Kind.DEMONSTRATION else plan.answers,
        generators=list(plan.generators),
        everyone=not plan.workers,
        cap=plan.cap,
        repeat_share=plan.repeat_share,
        minutes=plan.minutes,
        deadline=plan.deadline,
        content_warning=plan.content_warning,
        state=State.OPEN,
        opened_at=timezone.now(),
    )
    Guidelines.objects.create(campaign=campaign, version=1, text=plan.guidelines, created_by=by)
    CampaignWorker.objects.bulk_create(
        CampaignWorker(campaign=campaign, user=user) for user in plan.workers
    )
    usable = prompts.filter(workspace=workspace, retired_at__isnull=True)
    items = _lay_out(campaign, usable, most)
    if not items:
        raise ValidationError(_nothing_to_do(campaign))
    record(
        actor=by,
        action="campaign.open",
        target=campaign,
        workspace=workspace,
        changes={"items": [0, items], "overlap": [0, plan.overlap]},
    )
    return campaign


def _lay_out(campaign: Campaign, prompts: QuerySet[Prompt], most: int | None) -> int:
    """Write items, their answers and slots; how many items there are."""
    if campaign.answers:
        shown = Q(completions__has_text=True, completions__retired_at__isnull=True)
        if campaign.generators:
            shown &= Q(completions__generator__in=campaign.generators)
        prompts = prompts.annotate(available=Count("completions", filter=shown, distinct=True))
        prompts = prompts.filter(available__gte=campaign.answers)
    chosen = prompts.order_by("pk").values_list("pk", flat=True)[:most]
    items = (Item(campaign=campaign, prompt_id=pk) for pk in chosen.iterator())
    Item.objects.bulk_create(items, batch_size=5000)
    values: dict[str, Any] = {
        "campaign": campaign.pk,
        "answers": campaign.answers,
        "generators": campaign.generators,
        "overlap": campaign.overlap,
    }
    with connection.cursor() as cursor:
        if campaign.answers:
            cursor.execute(ADD_ANSWERS, values)
        cursor.execute(ADD_SLOTS, values)
        slots = cursor.rowcount
        # The planner must know that the queue is long before the first claim comes.
        cursor.execute("ANALYZE annotation_assignment, annotation_item, annotation_itemcompletion")
    return slots // campaign.overlap


def _nothing_to_do(campaign: Campaign) -> str:
    if not campaign.answers:
        return _("The filter finds no prompt. Import prompts first, or widen the filter.")
    return ngettext(
        "No prompt of the filter has %(count)d answer to show. Sample or import answers first.",
        "No prompt of the filter has %(count)d answers to show. Sample or import answers first.",
        campaign.answers,
    ) % {"count": campaign.answers}
