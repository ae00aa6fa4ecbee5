"""What pages and endpoints read of the audit trail."""

from datetime import date, datetime, time, timedelta

from django.db.models import QuerySet
from django.utils import timezone

from webapp.audit.models import AuditEntry
from webapp.workspaces.models import Workspace


def entries(workspace: Workspace | None = None) -> QuerySet[AuditEntry]:
    """The newest first; with a workspace, only what happened in it."""
    found = AuditEntry.objects.select_related("actor")
    return found if workspace is None else found.filter(workspace=workspace.pk)


def filtered(
    found: QuerySet[AuditEntry],
    *,
    action: str = "",
    person: str = "",
    since: date | None = None,
    until: date | None = None,
) -> QuerySet[AuditEntry]:
    """Narrowed to an action (or its first part), a person's address, and whole days."""
    if action:
        found = found.filter(action__startswith=action)
    if person:
        found = found.filter(actor__email__icontains=person)
    if since:
        found = found.filter(at__gte=_midnight(since))
    if until:
        found = found.filter(at__lt=_midnight(until + timedelta(days=1)))
    return found


def _midnight(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time()))
