"""Campaigns on a workspace's home: one's open work, or for managers and viewers how far it is."""

from django.utils.translation import gettext as _

from annotation.access import READS, campaigns_to_work_in
from annotation.models import Campaign
from annotation.models.campaigns import State
from annotation.queries import campaigns_with_progress
from webapp.accounts.models import User
from webapp.workspaces.home import Panel
from webapp.workspaces.models import Workspace

SHOWN = 5


def open_campaigns(person: User, workspace: Workspace) -> Panel | None:
    """The newest open campaigns that this person works in or watches; None when there is none."""
    if getattr(workspace, "role", "") in READS:
        found = Campaign.objects.filter(workspace=workspace, state=State.OPEN)
    else:
        found = campaigns_to_work_in(person, workspace)
    rows = list(campaigns_with_progress(found).order_by("-pk")[:SHOWN])
    if not rows:
        return None
    watches = getattr(workspace, "role", "") in READS
    context = {"campaigns": rows, "workspace": workspace, "watches": watches}
    return Panel(_("Open campaigns"), "annotation/_home.html", context)
