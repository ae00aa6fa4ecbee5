"""Change what may change while people work: who, how much, until when, and how it is checked.

What was asked about which answers stays as it was laid out; everything that was said is kept.
"""

from dataclasses import dataclass
from typing import Any

from django.db import connection, transaction
from django.db.models import Q

from annotation.actions.count_again import count_again
from annotation.domain.suggestions import SUGGESTED
from annotation.models import Campaign, CampaignWorker
from annotation.models.campaigns import CHECKED, Kind
from webapp.audit.actions.record import record

# What an item lacks, slot-major as at the opening (see annotation.actions.assign). Items that were
# withdrawn have no slot left, and what a reviewer decided needs no further answer.
ADD_SLOTS = """
INSERT INTO annotation_assignment (campaign_id, item_id, state, attempt, shown_order)
SELECT item.campaign_id, item.id, 'open', 0, '{}'
FROM annotation_item item
CROSS JOIN generate_series(1, %(overlap)s) AS slot
CROSS JOIN LATERAL (
    SELECT count(*) AS n FROM annotation_assignment kept
    WHERE kept.item_id = item.id AND kept.repeat_of_id IS NULL AND kept.purpose = 'work'
      AND kept.state <> 'withdrawn') kept
WHERE item.campaign_id = %(campaign)s AND item.purpose = 'work'
  AND kept.n > 0 AND slot > kept.n
  AND NOT EXISTS (SELECT FROM annotation_decision decision
                  WHERE decision.item_id = item.id AND decision.taken_back_at IS NULL)
ORDER BY slot, item.id
"""
# Free slots go; what somebody holds is finished, and every answer stays.
DROP_SLOTS = """
UPDATE annotation_assignment slot SET state = 'withdrawn'
FROM (
    SELECT one.id, row_number() OVER (
        PARTITION BY one.item_id ORDER BY one.state = 'open', one.id) AS place
    FROM annotation_assignment one
    WHERE one.campaign_id = %(campaign)s AND one.repeat_of_id IS NULL AND one.purpose = 'work'
      AND one.state <> 'withdrawn') numbered
WHERE slot.id = numbered.id AND numbered.place > %(overlap)s AND slot.state = 'open'
"""


@dataclass(frozen=True)
class Settings:
    """As annotation.models.Campaign has them; `workers` and `reviewers` are users."""

    overlap: int
    workers: tuple[Any, ...]  # none: everybody who may work in the workspace
    cap: int | None
    daily: int | None
    minutes: int
    deadline: Any
    content_warning: str
    repeat_share: float
    gold_share: float
    training_pass: float
    pause_below: float | None
    review: str
    reviewers: tuple[Any, ...]
    suggests: str  # campaigns.Shows
    control_share: float


@transaction.atomic
def change_settings(*, campaign: Campaign, by: Any, wanted: Settings) -> Campaign:
    """Bring them into force at once; slots and what counts follow. Unchanged ones leave no trace.

    Settings that the kind does not have stay as they are.
    """
    locked = Campaign.objects.select_for_update().get(pk=campaign.pk)
    before = _told(locked)
    overlap, review = locked.overlap, locked.review
    fields = ["overlap", "cap", "daily", "minutes", "deadline", "content_warning"]
    if locked.kind == Kind.CONVERSATION:  # its steps were counted for the people it has
        fields.remove("overlap")
    else:
        fields.append("review")
    if locked.kind in CHECKED:
        fields += ["repeat_share", "gold_share", "training_pass", "pause_below"]
    if locked.kind in SUGGESTED:
        fields += ["suggests", "control_share"]
    for name in fields:
        setattr(locked, name, getattr(wanted, name))
    locked.everyone = not wanted.workers
    locked.save(update_fields=[*fields, "everyone"])
    CampaignWorker.objects.filter(campaign=locked).exclude(user__in=wanted.workers).delete()
    CampaignWorker.objects.bulk_create(
        (CampaignWorker(campaign=locked, user=user) for user in wanted.workers),
        ignore_conflicts=True,
    )
    locked.reviewers.set(wanted.reviewers)
    if locked.overlap != overlap:
        _fit_slots(locked)
    if locked.review != review:
        count_again(locked, Q())
    after = _told(locked)
    changes = {name: [before[name], after[name]] for name in before if before[name] != after[name]}
    if changes:
        record(
            actor=by,
            action="campaign.settings",
            target=locked,
            workspace=locked.workspace,
            changes=changes,
        )
    return locked


def settings_now(campaign: Campaign) -> Settings:
    """Those that are in force."""
    listed = campaign.workers.select_related("user").order_by("user")
    return Settings(
        workers=tuple(worker.user for worker in listed) if not campaign.everyone else (),
        reviewers=tuple(campaign.reviewers.order_by("pk")),
        **{name: getattr(campaign, name) for name in _PLAIN},
    )


_PLAIN = tuple(
    name for name in Settings.__dataclass_fields__ if name not in ("workers", "reviewers")
)


def _told(campaign: Campaign) -> dict[str, str]:
    """For the audit trail."""
    now = settings_now(campaign)
    people = {"workers": now.workers, "reviewers": now.reviewers}
    plain = {name: getattr(now, name) for name in _PLAIN}
    return {
        **{name: "" if value is None else str(value) for name, value in plain.items()},
        **{name: ", ".join(str(one) for one in users) for name, users in people.items()},
    }


def _fit_slots(campaign: Campaign) -> None:
    values = {"campaign": campaign.pk, "overlap": campaign.overlap}
    with connection.cursor() as cursor:
        cursor.execute(ADD_SLOTS, values)
        cursor.execute(DROP_SLOTS, values)
        cursor.execute("ANALYZE annotation_assignment")
