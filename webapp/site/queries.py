"""What site admins read about people and workspaces."""

from django.db.models import Count, Max, Q, QuerySet

from webapp.accounts.models import User
from webapp.workspaces.models import Workspace


def people(*, search: str = "", state: str = "") -> QuerySet[User]:
    """Everybody, narrowed to a part of name or address and to a state of FindPersonForm."""
    found = User.objects.annotate(
        workspaces=Count("memberships"), seen_at=Max("usersession__last_seen_at")
    )
    if search:
        found = found.filter(Q(name__icontains=search) | Q(email__icontains=search))
    if state == "active":
        found = found.filter(is_active=True)
    elif state == "disabled":
        found = found.filter(is_active=False)
    elif state == "admins":
        found = found.filter(is_site_admin=True)
    return found.order_by("email")


def all_workspaces() -> QuerySet[Workspace]:
    return (
        Workspace.objects.filter(deleted_at=None)
        .annotate(
            members=Count("memberships"),
            managers=Count("memberships", filter=Q(memberships__role="manager")),
        )
        .order_by("archived_at", "name")
    )
