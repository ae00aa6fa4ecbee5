"""The one way to write an audit entry: alone, or inside a statement that writes what it tells."""

from typing import Any

from webapp.audit.models import AuditEntry
from webapp.audit.visible import visible, visible_values
from webapp.request_context import current_request

# As record() does it, for each row of `{rows}`: an `id` that the same statement has just made.
ENTRY = """
INSERT INTO audit_auditentry
    (at, actor_id, action, workspace_id, target, changes, ip, request_id)
SELECT clock_timestamp(), %(entry_actor)s, %(entry_action)s, %(entry_workspace)s,
    %(entry_target)s::text || ' ' || id, '{{}}', %(entry_ip)s, %(entry_request)s
FROM {rows}
"""


def entry_values(*, actor: Any, action: str, target: str, workspace: Any) -> dict[str, Any]:
    """The values of ENTRY; `target` is the name of the model of its rows."""
    request = current_request()
    return {
        "entry_actor": actor.pk,
        "entry_action": action,
        "entry_workspace": workspace.pk,
        "entry_target": target,
        "entry_ip": request.ip if request else None,
        "entry_request": request.request_id if request else "",
    }


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
