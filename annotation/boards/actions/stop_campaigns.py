"""A board whose stopping rule has decided pauses the campaigns that asked for it."""

from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from annotation.actions.change_campaign import change_state
from annotation.boards.kinds import STOP
from annotation.models import Board, Campaign
from annotation.models.campaigns import CHECKED, State
from webapp.audit.actions.record import record
from webapp.jobs import enqueue
from webapp.jobs.models import ACTIVE, Job


def may_stop(board: Board) -> Any:
    """Campaigns of the workspace whose votes a board can count, and that are not over."""
    found = Campaign.objects.filter(workspace=board.workspace_id, kind__in=CHECKED)
    return found.exclude(state=State.CLOSED).order_by("-pk")


@transaction.atomic
def choose_stops(*, board: Board, by: Any, campaigns: list[Campaign]) -> None:
    """Exactly these campaigns stop with the board; they are paused when its rule has decided."""
    before = list(board.stops.order_by("pk"))
    after = sorted(campaigns, key=lambda one: one.pk)
    if before == after:
        return
    board.stops.exclude(pk__in=[one.pk for one in after]).update(stops_with=None)
    Campaign.objects.filter(pk__in=[one.pk for one in after]).update(stops_with=board)
    record(
        actor=by,
        action="board.stops",
        target=board,
        workspace=board.workspace,
        changes={"campaigns": [[one.name for one in before], [one.name for one in after]]},
    )


def look_soon(board_id: int) -> Job | None:
    """After a vote: a job that asks the board, unless one is waiting or running already.

    A vote that comes while the job runs is looked at with the next vote, or by whoever opens the
    board.
    """
    with transaction.atomic():
        board = Board.objects.select_for_update(of=("self",)).filter(pk=board_id).first()
        if board is None or board.definition.get("stopping", "none") == "none":
            return None
        waiting = Job.objects.filter(
            kind=STOP, workspace=board.workspace_id, state__in=ACTIVE, arguments__board=board.pk
        )
        if waiting.exists():
            return None
        return enqueue(
            kind=STOP, owner=None, workspace=board.workspace, arguments={"board": board.pk}
        )


def verdict(content: dict[str, Any] | None) -> str:
    """Why one may stop, in a sentence; empty where one may not, or no rule was chosen.

    The figures of people decide; only a board without any listens to its judges.
    """
    figures = (content or {}).get("sources", {}).get((content or {}).get("main"), {})
    stop = figures.get("stopping") or {}
    if stop.get("decided"):
        first, second = stop["pairs"][0]["first"], stop["pairs"][0]["second"]
        if stop["goal"] == "leader":
            return _("%(first)s is decided to be ahead of %(second)s.") % {
                "first": first,
                "second": second,
            }
        return _("Every two neighbours in the order are decided; %s leads.") % first
    if stop.get("over"):
        return _("The last of the %d planned looks is reached.") % stop["looks"]
    return ""


def stop_where_decided(*, board: Board, content: dict[str, Any] | None) -> list[Campaign]:
    """Pause the open campaigns that stop with the board, once its rule has decided.

    A campaign is paused once: whoever resumes it wants more votes whatever the rule says.
    """
    because = verdict(content)
    if not because:
        return []
    sentence = _("The stopping rule of the board “%(board)s” has decided: %(because)s") % {
        "board": board.name,
        "because": because,
    }
    paused = []
    with transaction.atomic():
        chosen = board.stops.select_for_update(of=("self",)).filter(state=State.OPEN)
        for campaign in list(chosen):
            paused.append(
                change_state(campaign=campaign, by=None, state=State.PAUSED, because=sentence)
            )
            Campaign.objects.filter(pk=campaign.pk).update(stops_with=None)
    return paused
