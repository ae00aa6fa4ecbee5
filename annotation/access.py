"""Who may work where: a matter of the role, and in some campaigns also of a list."""

from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet

from annotation.models import Campaign, CampaignWorker
from annotation.models.campaigns import ReviewStep, State
from webapp.workspaces.models import Role, Workspace

MANAGES = (Role.MANAGER,)
READS = (Role.MANAGER, Role.VIEWER)
WORKS = (Role.ANNOTATOR, Role.MANAGER)


def campaigns_to_work_in(user: Any, workspace: Workspace) -> QuerySet[Campaign]:
    """The open campaigns of a workspace in which `user` may be handed work.

    The caller has checked that the user is a member whose role works (`WORKS`).
    """
    listed = CampaignWorker.objects.filter(campaign=OuterRef("pk"), user=user)
    return Campaign.objects.filter(
        Q(everyone=True) | Exists(listed), workspace=workspace, state=State.OPEN
    )


def campaigns_to_review(user: Any, workspace: Workspace, manages: bool) -> QuerySet[Campaign]:
    """The campaigns with a review step in which `user` reviews: managers in all of them."""
    found = Campaign.objects.filter(workspace=workspace).exclude(review=ReviewStep.NOTHING)
    return found if manages else found.filter(reviewers=user)
