"""A workspace begins, is renamed, rests, and ends."""

import re
from collections.abc import Callable
from contextlib import AbstractContextManager

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Model
from django.utils import timezone
from django.utils.text import slugify
from django.utils.translation import gettext as _

from webapp.accounts.models import User
from webapp.audit.actions.record import record
from webapp.jobs import enqueue
from webapp.jobs.models import Job
from webapp.workspaces.deletion import refuse_strangers, rows_in, take_out
from webapp.workspaces.models import Membership, Role, Workspace

DELETION = "workspace deletion"


def _checked_name(name: str) -> str:
    name = " ".join(name.split())
    if not 1 <= len(name) <= 100:
        raise ValidationError({"name": _("A name has between 1 and 100 characters.")})
    return name


def _free_slug(name: str) -> str:
    """The name as an address; numbered when another workspace has it."""
    stem = slugify(name)[:50].strip("-") or "workspace"
    pattern = rf"^{re.escape(stem)}(-[0-9]+)?$"
    taken = set(Workspace.objects.filter(slug__regex=pattern).values_list("slug", flat=True))
    numbered = (f"{stem}-{number}" for number in range(2, len(taken) + 3))
    return next(slug for slug in (stem, *numbered) if slug not in taken)


@transaction.atomic
def create_workspace(*, name: str, description: str = "", by: User) -> Workspace:
    """A workspace with `by` as its first manager.

    Raises:
        ValidationError: the name is empty or too long, or `by` may not create workspaces.
    """
    if not (by.is_site_admin or by.may_create_workspaces):
        raise ValidationError(_("You may not create workspaces. A site admin can allow it."))
    name = _checked_name(name)
    workspace = Workspace.objects.create(
        name=name, slug=_free_slug(name), description=description.strip()
    )
    Membership.objects.create(workspace=workspace, user=by, role=Role.MANAGER)
    record(
        actor=by,
        action="workspace.create",
        target=workspace,
        workspace=workspace,
        changes={"name": [None, workspace.name], "slug": [None, workspace.slug]},
    )
    return workspace


@transaction.atomic
def change_workspace(*, workspace: Workspace, name: str, description: str, by: User) -> Workspace:
    """A new name or description; the address stays, so that links keep working.

    Raises:
        ValidationError: the name is empty or too long.
    """
    wanted = {"name": _checked_name(name), "description": description.strip()}
    changes = {
        field: [getattr(workspace, field), value]
        for field, value in wanted.items()
        if getattr(workspace, field) != value
    }
    for field, value in wanted.items():
        setattr(workspace, field, value)
    workspace.save(update_fields=["name", "description"])
    if changes:
        record(
            actor=by,
            action="workspace.change",
            target=workspace,
            workspace=workspace,
            changes=changes,
        )
    return workspace


@transaction.atomic
def archive_workspace(*, workspace: Workspace, by: User) -> None:
    """From now on everything can be read and nothing changed.

    Raises:
        ValidationError: it is archived already.
    """
    now = timezone.now()
    if not Workspace.objects.filter(pk=workspace.pk, archived_at=None).update(archived_at=now):
        raise ValidationError(_("This workspace is archived already."))
    record(actor=by, action="workspace.archive", target=workspace, workspace=workspace)


@transaction.atomic
def restore_workspace(*, workspace: Workspace, by: User) -> None:
    """Raises:
    ValidationError: it is not archived.
    """
    archived = Workspace.objects.filter(pk=workspace.pk).exclude(archived_at=None)
    if not archived.update(archived_at=None):
        raise ValidationError(_("This workspace is not archived."))
    record(actor=by, action="workspace.restore", target=workspace, workspace=workspace)


def what_would_be_deleted(workspace: Workspace) -> list[str]:
    """One phrase for each kind of row that belongs to the workspace: "3 memberships".

    Raises:
        ValidationError: a row of another workspace depends on one of them.
    """
    refuse_strangers(workspace)
    return [f"{count:,} {_kind(model, count)}" for model, count in rows_in(workspace).items()]


def _kind(model: type[Model], count: int) -> str:
    names = model._meta.verbose_name, model._meta.verbose_name_plural
    return str(names[0] if count == 1 else names[1])


@transaction.atomic
def delete_workspace(*, workspace: Workspace, typed: str, by: User) -> Job:
    """Nobody sees it from now on, and a job takes everything in it out for good; the audit stays.

    Raises:
        ValidationError: it is not archived, `typed` is not its address, or a row of another
            workspace depends on one of its own.
    """
    if typed.strip() != workspace.slug:
        sentence = _("Type %(slug)s to delete this workspace; you typed %(typed)s.")
        names = {"slug": workspace.slug, "typed": typed.strip() or _("nothing")}
        raise ValidationError({"typed": sentence % names})
    locked = Workspace.objects.select_for_update().get(pk=workspace.pk)
    if locked.archived_at is None:
        raise ValidationError({"typed": _("Archive the workspace first: that can be undone.")})
    gone = what_would_be_deleted(locked)
    record(
        actor=by,
        action="workspace.delete",
        target=locked,
        workspace=locked,
        changes={"name": [locked.name, None], "slug": [locked.slug, None], "with": [gone, None]},
    )
    # No address that anybody can type, so that the old one is free for another workspace.
    locked.slug, locked.deleted_at = f"deleted:{locked.pk}", timezone.now()
    locked.save(update_fields=["slug", "deleted_at"])
    # A job of the site: one of the workspace would go with it.
    return enqueue(kind=DELETION, owner=by, arguments={"workspace_id": locked.pk})


def run_deletion(
    *,
    workspace_id: int,
    fenced: Callable[[], AbstractContextManager[None]],
    on_batch: Callable[[int], None],
) -> None:
    """The job's part; a workspace that is gone already is no error.

    Raises:
        ValidationError: a row of another workspace came to depend on one of its own.
    """
    found = Workspace.objects.filter(pk=workspace_id).exclude(deleted_at=None).first()
    if found is not None:
        take_out(found, fenced=fenced, on_batch=on_batch)
