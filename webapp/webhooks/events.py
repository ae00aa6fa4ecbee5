"""What can be announced. Each name, with what it means and what its `data` holds."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class Event(models.TextChoices):
    CAMPAIGN_OPENED = "campaign.opened", _("A campaign was opened, or opened again")
    CAMPAIGN_PAUSED = "campaign.paused", _("A campaign was paused")
    CAMPAIGN_CLOSED = "campaign.closed", _("A campaign was closed")
    CAMPAIGN_FINISHED = "campaign.finished", _("The last answer of a campaign came in")
    JUDGEMENT_SUBMITTED = "judgement.submitted", _("Somebody answered an item")
    JUDGEMENT_SENT_BACK = "judgement.sent_back", _("A reviewer sent an answer back to its author")
    ITEM_REVIEWED = "item.reviewed", _("A reviewer accepted an item or decided it anew")
    RUN_STARTED = "run.started", _("A training run began")
    RUN_FINISHED = "run.finished", _("A training run ended well")
    RUN_FAILED = "run.failed", _("A training run failed")
    ROUND_STARTED = "round.started", _("A round began")
    ROUND_STEP = "round.step", _("A step of a round was done")
    ROUND_FAILED = "round.failed", _("A step of a round failed")
    ROUND_FINISHED = "round.finished", _("A round was done, its board included")
    SNAPSHOT_READY = "snapshot.ready", _("A snapshot was frozen")


TEST = "webhook.test"  # sent by the button only; nobody subscribes to it
