"""What a campaign was set up with, in words, for its page."""

from typing import Any

from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from annotation.models import Campaign
from annotation.models.campaigns import CHECKED, WRITES, Kind, Order

MOST_NAMES = 12


def settings_of(campaign: Campaign) -> list[tuple[str, str]]:
    """(setting, value) pairs; what does not apply to the kind is left out."""
    rows: list[tuple[str, str]] = [
        (_("Who may work"), _people(campaign)),
        (_("Items per person at most"), str(campaign.cap or _("no limit"))),
        (_("Items per person and day at most"), str(campaign.daily or _("no limit"))),
        (_("An item stays reserved for"), _("%d minutes") % campaign.minutes),
        (_("Deadline"), _moment(campaign.deadline)),
    ]
    if campaign.kind != Kind.CONVERSATION:
        rows.append((_("Read by a second person"), str(campaign.get_review_display())))
    if campaign.review:
        names = ", ".join(str(each) for each in campaign.reviewers.order_by("name", "email"))
        rows.append((_("Reviewed by"), ", ".join(filter(None, [_("managers"), names]))))
    if campaign.suggests:
        rows.append((_("Suggestions are shown"), str(campaign.get_suggests_display())))
        rows.append((_("Suggestions kept back"), _percent(campaign.control_share)))
    if campaign.content_warning:
        rows.append((_("Content warning"), campaign.content_warning))
    return _of_kind(campaign) + rows


def _of_kind(campaign: Campaign) -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    if campaign.kind != Kind.CONVERSATION:
        order = str(campaign.get_order_display())
        batch = f" ({campaign.batch})" if campaign.order == Order.BATCHES else ""
        rows.append((_("Asked first"), order + batch))
    if campaign.kind not in WRITES:
        rows.append((_("Answers per item"), str(campaign.answers)))
    if campaign.kind not in (Kind.WRITING, Kind.FEW_SHOT):
        writers = ", ".join(name or _("(unknown)") for name in campaign.generators)
        rows.append((_("Answers written by"), writers or _("anybody")))
    if campaign.rewrites:
        rows.append((_("Begins with"), _("a model’s answer, to be rewritten")))
    if campaign.rationales:
        rows.append((_("Answers come with"), _("their reasoning, in a field of its own")))
    if campaign.kind == Kind.WRITING:
        rows.append((_("Use cases"), ", ".join(campaign.use_cases) or _("anything")))
    if campaign.kind == Kind.FEW_SHOT:
        rows.append((_("Pairs of an example"), str(campaign.pairs)))
    if campaign.kind == Kind.CONVERSATION:
        rows += [
            (_("Questions in a conversation"), str(campaign.depth)),
            (_("Peers who review each message"), str(campaign.reviews)),
            (_("Answers are written by"), _("models") if campaign.model_answers else _("people")),
        ]
    if campaign.kind in CHECKED:
        rows += [
            (_("Repeats with swapped sides"), _percent(campaign.repeat_share)),
            (_("Hidden checks"), _percent(campaign.gold_share)),
            (_("Right in the training"), _percent(campaign.training_pass)),
            (
                _("Paused below"),
                _("never") if campaign.pause_below is None else _percent(campaign.pause_below),
            ),
        ]
    return rows


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _moment(moment: Any) -> str:
    return date_format(localtime(moment), "DATETIME_FORMAT") if moment else _("none")


def _people(campaign: Campaign) -> str:
    if campaign.everyone:
        return _("every annotator of the workspace")
    listed = campaign.workers.select_related("user").order_by("user__name", "user__email")
    names = [str(worker.user) for worker in listed]
    more = len(names) - MOST_NAMES
    shown = ", ".join(names[:MOST_NAMES])
    if more > 0:
        shown += ngettext(" and %d more", " and %d more", more) % more
    return shown
