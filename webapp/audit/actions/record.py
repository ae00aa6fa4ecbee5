"""The one way to write an audit entry."""

from typing import Any

from webapp.audit.models import AuditEntry
from webapp.audit.visible import visible, visible_values
from webapp.request_context import current_request


def record(
    *,
    actor: Any,
    action: str,
    target: Any,
    workspace: Any = None,
    changes: dict[str, Any] | None = None,
) -> AuditEntry:
    """Add an entry in the caller's transaction: the act and its trace stand or fall together.

    `changes` maps a field to [before, after]; the caller leaves secrets out. Address and request id
    come from the request that is being served, if there is one.
    """
    request = current_request()
    named = target if isinstance(target, str) else f"{target._meta.model_name} {target.pk}"
    return AuditEntry.objects.create(
        actor=actor if getattr(actor, "pk", None) else None,
        action=action,
        target=visible(named)[:200],
        workspace=workspace,
        changes=visible_values(changes or {}),
        ip=request.ip if request else None,
        request_id=request.request_id if request else "",
    )
