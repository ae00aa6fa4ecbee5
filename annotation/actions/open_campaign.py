"""Open a body of work: choose its prompts and answers, lay out the slots, hand it to the people."""

from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.db.models import Count, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from annotation.actions.begin_conversations import begin_conversations
from annotation.domain.rating_scales import Ask
from annotation.domain.suggestions import SUGGESTED
from annotation.models import Campaign, CampaignWorker, Guidelines, Item, Prompt
from annotation.models.campaigns import (
    CHECKED,
    FEWEST_OF_BEST_WORST,
    WRITES,
    WRITES_PROMPTS,
    Kind,
    Order,
    State,
)
from annotation.prompt_filter import PromptFilter
from annotation.queries import told_of
from webapp.audit.actions.record import record
from webapp.jobs import enqueue
from webapp.webhooks.actions.announce import announce
from webapp.webhooks.events import Event

LARGE = 20_000  # prompts; laying out more takes longer than a page should

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

# The order in which slots are written is the order in which they are handed out, so that a claim
# need not know any strategy. Slot-major: every item's first slot before any item's second one (see
# annotation.actions.assign); batches are so within themselves. A subject is a use case, source and
# language; prompts that share a MinHash key nearly repeat each other.
ADD_SLOTS = """
INSERT INTO annotation_assignment (campaign_id, item_id, state, attempt, shown_order)
SELECT %(campaign)s, item.id, 'open', 0, '{{}}'
FROM generate_series(1, %(overlap)s) AS slot, (
    SELECT met.*, row_number() OVER (PARTITION BY subject ORDER BY again, lot) AS turn
    FROM (
        SELECT item.id, (row_number() OVER (ORDER BY item.id) - 1) / %(batch)s AS batch,
            md5(item.id || ':' || item.campaign_id) AS lot, known.subject,
            row_number() OVER (
                PARTITION BY known.subject, coalesce(print.keys[1], -item.id) ORDER BY item.id
            ) AS again
        FROM annotation_item item
        LEFT JOIN annotation_prompt prompt ON prompt.id = item.prompt_id
        LEFT JOIN annotation_promptfingerprint print ON print.prompt_id = item.prompt_id
        CROSS JOIN LATERAL (
            SELECT concat_ws(chr(31), coalesce(nullif(item.use_case, ''), prompt.use_case),
                             prompt.source, prompt.language) AS subject
        ) known
        WHERE item.campaign_id = %(campaign)s
    ) met
) item
ORDER BY {order}
"""
ORDERS: dict[str, str] = {
    Order.FIXED: "slot, item.id",
    Order.RANDOM: "slot, item.lot",
    Order.BATCHES: "item.batch, slot, item.id",
    Order.DIVERSE: "slot, item.turn, item.lot",
    Order.ALIKE: 'slot, item.subject COLLATE "C", item.id',
}


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
    daily: int | None = None
    repeat_share: float = 0.0
    rewrites: bool = False  # of demonstrations: each starts from one answer
    rationales: bool = False  # of demonstrations: with the way to the answer
    use_cases: tuple[str, ...] = ()  # of own prompts: what they are written for
    pairs: int = 3  # of a few-shot example
    depth: int = 3  # questions that a conversation has
    reviews: int = 3  # of each of its messages
    model_answers: bool = False  # models write its answers
    texts: int = 100  # items of a kind that writes its own prompts
    asks: tuple[str, ...] = ()  # rating_scales.Ask, about each answer
    attributes: tuple[Any, ...] = ()
    gold_share: float = 0.0
    training_pass: float = 0.0
    pause_below: float | None = None
    review: str = ""  # campaigns.ReviewStep
    reviewers: tuple[Any, ...] = ()  # users beside the managers
    order: str = Order.FIXED
    batch: int = 50
    suggests: str = ""  # campaigns.Shows
    control_share: float = 0.1
    minutes: int = 60
    deadline: Any = None
    content_warning: str = ""


@transaction.atomic
def open_campaign(
    *, workspace: Any, by: Any, plan: Plan, prompts: QuerySet[Prompt], most: int | None = None
) -> Campaign:
    """Create the campaign, its items and slots, and open it.

    `prompts` is what a filter found; retired prompts are left out, and so are those with fewer
    answers than an item shows; `most` bounds how many are taken, oldest first.

    Raises:
        ValidationError: the name is taken, or no prompt is left to work on.
    """
    campaign = _create(workspace, by, plan, State.OPEN)
    items = lay_out(campaign, prompts, most)
    _opened(campaign, by, items)
    return campaign


@transaction.atomic
def open_without_items(*, workspace: Any, by: Any, plan: Plan) -> Campaign:
    """An open campaign whose items somebody else draws: annotation.boards, batch by batch.

    Raises:
        ValidationError: the name is taken.
    """
    campaign = _create(workspace, by, plan, State.OPEN)
    announce(campaign.workspace, Event.CAMPAIGN_OPENED, told_of(campaign))
    return campaign


@transaction.atomic
def prepare_campaign(
    *, workspace: Any, by: Any, plan: Plan, wanted: PromptFilter, most: int | None, opens: bool
) -> Campaign:
    """The same from a filter: a draft, opened at once with `opens`. Many items are a job's work.

    Raises:
        ValidationError: the name is taken, or no prompt is left to work on.
    """
    if plan.kind in WRITES_PROMPTS:
        campaign = _create(workspace, by, plan, State.OPEN if opens else State.DRAFT)
        _opened(campaign, by, lay_out_own(campaign, plan.texts))
        return campaign
    prompts = wanted.apply(Prompt.objects.filter(workspace=workspace))
    large = prompts.order_by()[: most or LARGE + 1][: LARGE + 1].count() > LARGE
    state = State.LAYING_OUT if large else State.OPEN if opens else State.DRAFT
    campaign = _create(workspace, by, plan, state)
    if large:
        arguments = {"campaign": campaign.pk, "filter": wanted.as_json()}
        enqueue(
            kind="campaign layout",
            owner=by,
            workspace=workspace,
            arguments={**arguments, "most": most, "opens": opens},
        )
        return campaign
    _opened(campaign, by, lay_out(campaign, prompts, most))
    return campaign


def _create(workspace: Any, by: Any, plan: Plan, state: str) -> Campaign:
    if Campaign.objects.filter(workspace=workspace, name=plan.name).exists():
        raise ValidationError(
            {"name": _("There is already a campaign named “%s”. Choose another name.") % plan.name}
        )
    if plan.kind == Kind.BEST_WORST and plan.answers < FEWEST_OF_BEST_WORST:
        raise ValidationError(
            {"answers": _("Best and worst are named of three answers or more, four is usual.")}
        )
    rewrites = plan.rewrites and plan.kind == Kind.DEMONSTRATION
    campaign = Campaign.objects.create(
        workspace=workspace,
        created_by=by,
        name=plan.name,
        kind=plan.kind,
        overlap=plan.overlap,
        answers=int(rewrites) if plan.kind in WRITES else plan.answers,
        rewrites=rewrites,
        rationales=plan.rationales and plan.kind == Kind.DEMONSTRATION,
        use_cases=list(plan.use_cases) if plan.kind == Kind.WRITING else [],
        pairs=plan.pairs,
        depth=plan.depth,
        reviews=plan.reviews,
        model_answers=plan.model_answers and plan.kind == Kind.CONVERSATION,
        generators=list(plan.generators),
        everyone=not plan.workers,
        cap=plan.cap,
        daily=plan.daily,
        repeat_share=plan.repeat_share if plan.kind in CHECKED else 0.0,
        asks=_asks(plan),
        gold_share=plan.gold_share if plan.kind in CHECKED else 0.0,
        training_pass=plan.training_pass,
        pause_below=plan.pause_below,
        review=plan.review if plan.kind != Kind.CONVERSATION else "",
        order=plan.order if plan.kind != Kind.CONVERSATION else Order.FIXED,
        batch=plan.batch,
        suggests=plan.suggests if plan.kind in SUGGESTED else "",
        control_share=plan.control_share,
        minutes=plan.minutes,
        deadline=plan.deadline,
        content_warning=plan.content_warning,
        state=state,
        opened_at=timezone.now() if state == State.OPEN else None,
    )
    campaign.attributes.set(plan.attributes)
    campaign.reviewers.set(plan.reviewers)
    Guidelines.objects.create(campaign=campaign, version=1, text=plan.guidelines, created_by=by)
    CampaignWorker.objects.bulk_create(
        CampaignWorker(campaign=campaign, user=user) for user in plan.workers
    )
    return campaign


def _asks(plan: Plan) -> list[str]:
    """In the order in which they are shown; only a judged answer can be asked about."""
    if plan.kind not in CHECKED:
        return []
    chosen = {*plan.asks, *([Ask.ATTRIBUTES] if plan.attributes else [])}
    return [ask.value for ask in Ask if ask in chosen]


def _opened(campaign: Campaign, by: Any, items: int) -> None:
    """
    Raises:
        ValidationError: nothing was laid out.
    """
    if not items:
        raise ValidationError(_nothing_to_do(campaign))
    record(
        actor=by,
        action="campaign.open" if campaign.state == State.OPEN else "campaign.prepare",
        target=campaign,
        workspace=campaign.workspace,
        changes={"items": [0, items], "overlap": [0, campaign.overlap]},
    )
    if campaign.state == State.OPEN:
        announce(campaign.workspace, Event.CAMPAIGN_OPENED, told_of(campaign))


@transaction.atomic
def finish_layout(
    *, campaign: Campaign, by: Any, wanted: PromptFilter, most: int | None, opens: bool
) -> int:
    """What the job does for a large campaign, all or nothing; how many items there are.

    Raises:
        ValidationError: no prompt is left to work on. The campaign stays as an empty draft.
    """
    prompts = wanted.apply(Prompt.objects.filter(workspace=campaign.workspace))
    items = lay_out(campaign, prompts, most)
    campaign.state = State.OPEN if opens and items else State.DRAFT
    campaign.opened_at = timezone.now() if campaign.state == State.OPEN else None
    campaign.save(update_fields=["state", "opened_at"])
    _opened(campaign, by, items)
    return items


def lay_out(campaign: Campaign, prompts: QuerySet[Prompt], most: int | None) -> int:
    """Write items, their answers and slots; how many items there are."""
    prompts = prompts.filter(workspace=campaign.workspace, retired_at__isnull=True)
    if campaign.answers and campaign.kind != Kind.CONVERSATION:
        shown = Q(completions__has_text=True, completions__retired_at__isnull=True)
        if campaign.generators:
            shown &= Q(completions__generator__in=campaign.generators)
        prompts = prompts.annotate(available=Count("completions", filter=shown, distinct=True))
        prompts = prompts.filter(available__gte=campaign.answers)
    chosen = prompts.order_by("pk").values_list("pk", flat=True)[:most]
    if campaign.kind == Kind.CONVERSATION:
        return begin_conversations(campaign, chosen.iterator())
    items = (Item(campaign=campaign, prompt_id=pk) for pk in chosen.iterator())
    Item.objects.bulk_create(items, batch_size=5000)
    return _add_slots(campaign)


def lay_out_own(campaign: Campaign, texts: int) -> int:
    """Write `texts` items without a prompt, the use cases in turn; how many there are."""
    cases = campaign.use_cases or [""]
    Item.objects.bulk_create(
        (Item(campaign=campaign, use_case=cases[number % len(cases)]) for number in range(texts)),
        batch_size=5000,
    )
    return _add_slots(campaign)


def _add_slots(campaign: Campaign) -> int:
    """The answers that items show, and their slots; how many items there are."""
    values: dict[str, Any] = {
        "campaign": campaign.pk,
        "answers": campaign.answers,
        "generators": campaign.generators,
        "overlap": campaign.overlap,
        "batch": campaign.batch,
    }
    with connection.cursor() as cursor:
        if campaign.answers:
            cursor.execute(ADD_ANSWERS, values)
        cursor.execute(ADD_SLOTS.format(order=ORDERS[campaign.order]), values)
        slots = cursor.rowcount
        # The planner must know that the queue is long before the first claim comes.
        cursor.execute("ANALYZE annotation_assignment, annotation_item, annotation_itemcompletion")
    return slots // campaign.overlap


def _nothing_to_do(campaign: Campaign) -> str:
    if not campaign.answers or campaign.kind == Kind.CONVERSATION:
        return _("The filter finds no prompt. Import prompts first, or widen the filter.")
    return ngettext(
        "No prompt of the filter has %(count)d answer to show. Sample or import answers first.",
        "No prompt of the filter has %(count)d answers to show. Sample or import answers first.",
        campaign.answers,
    ) % {"count": campaign.answers}
