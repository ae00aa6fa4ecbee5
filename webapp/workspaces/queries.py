"""What pages and endpoints read about workspaces. Each starts from a workspace somebody may see."""

from django.db.models import QuerySet
from django.db.models.functions import Lower

from webapp.workspaces.models import Invitation, Membership, Workspace


def members_of(workspace: Workspace) -> QuerySet[Membership]:
    return (
        Membership.objects.filter(workspace=workspace)
        .select_related("user", "workspace")
        .order_by(Lower("user__name"), "user__email")
    )


def invitations_of(workspace: Workspace) -> QuerySet[Invitation]:
    return (
        Invitation.objects.filter(workspace=workspace)
        .select_related("invited_by", "accepted_by", "workspace")
        .order_by("-pk")
    )


def waiting_invitations_of(workspace: Workspace) -> QuerySet[Invitation]:
    """Pending ones and those that ran out: what a manager can still act on."""
    return invitations_of(workspace).filter(accepted_at=None, revoked_at=None)
