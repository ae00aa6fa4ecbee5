"""Members change roles and leave. A workspace always keeps a manager who can log in."""

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from webapp.accounts.models import User
from webapp.audit.actions.record import record
from webapp.workspaces.models import Membership, Role, Workspace


def _locked(membership: Membership) -> Membership:
    """The row, with its workspace locked, so that two managers cannot demote each other."""
    Workspace.objects.select_for_update().get(pk=membership.workspace_id)
    found = Membership.objects.select_related("user", "workspace").filter(pk=membership.pk).first()
    if found is None:
        raise ValidationError(_("This person is no longer a member."))
    return found


def _keep_one_manager(membership: Membership) -> None:
    others = Membership.objects.filter(
        workspace=membership.workspace, role=Role.MANAGER, user__is_active=True
    ).exclude(pk=membership.pk)
    if membership.role == Role.MANAGER and not others.exists():
        raise ValidationError(
            _("%(person)s is the only manager. Make somebody else a manager first.")
            % {"person": membership.user}
        )


@transaction.atomic
def change_role(*, membership: Membership, role: str, by: User) -> Membership:
    """Raises:
    ValidationError: there is no such role, or the last manager would be gone.
    """
    if role not in Role.values:
        sentence = _("%(role)r is not a role. Allowed: %(roles)s.")
        raise ValidationError({"role": sentence % {"role": role, "roles": ", ".join(Role.values)}})
    membership = _locked(membership)
    if role == membership.role:
        return membership
    _keep_one_manager(membership)
    before, membership.role = membership.role, role
    membership.save(update_fields=["role"])
    record(
        actor=by,
        action="membership.change",
        target=membership.user,
        workspace=membership.workspace,
        changes={"role": [before, role]},
    )
    return membership


@transaction.atomic
def remove_member(*, membership: Membership, by: User) -> None:
    """The person sees nothing of the workspace from the next request on; what was done stays.

    Raises:
        ValidationError: it is the last manager.
    """
    membership = _locked(membership)
    _keep_one_manager(membership)
    record(
        actor=by,
        action="membership.remove",
        target=membership.user,
        workspace=membership.workspace,
        changes={"role": [membership.role, None]},
    )
    membership.delete()
