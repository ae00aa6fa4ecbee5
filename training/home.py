"""The loop on a workspace's home, for managers and viewers."""

from django.utils.translation import gettext as _

from training.access import READS
from webapp.accounts.models import User
from webapp.workspaces.home import Panel
from webapp.workspaces.models import Workspace


def stage_map(person: User, workspace: Workspace) -> Panel | None:
    """None for annotators, and while there is nothing at all: then home says what to do next."""
    if getattr(workspace, "role", "") not in READS:
        return None
    from training.stage_map import stages  # here: boards load numpy, which workers do without

    found = stages(workspace)
    if not any(stage.made or stage.working for stage in found):
        return None
    return Panel(_("The loop"), "training/_stages.html", {"stages": found})
