"""A manager offers a place in a workspace to an e-mail address."""

import logging
from datetime import timedelta
from smtplib import SMTPException

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.mail import send_mail
from django.db import transaction
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from webapp.accounts.models import User
from webapp.audit.actions.record import record
from webapp.public_address import public_address
from webapp.workspaces.actions.accept_invitation import new_token
from webapp.workspaces.models import Invitation, Role, Workspace

log = logging.getLogger(__name__)
VALID_FOR = timedelta(days=7)


def invite(*, workspace: Workspace, email: str, role: str, by: User) -> tuple[Invitation, str]:
    """Keep a place for `email` and mail the link. Returns the invitation and the link.

    Raises:
        ValidationError: the person is a member or invited already, or the role is unknown.
    """
    email = email.strip().lower()
    if role not in Role.values:
        sentence = _("%(role)r is not a role. Allowed: %(roles)s.")
        raise ValidationError({"role": sentence % {"role": role, "roles": ", ".join(Role.values)}})
    with transaction.atomic():
        Workspace.objects.select_for_update().get(pk=workspace.pk)
        if workspace.memberships.filter(user__email=email).exists():
            sentence = _("%(email)s is a member already. Change the role in the list of members.")
            raise ValidationError({"email": sentence % {"email": email}})
        waiting = workspace.invitations.filter(email=email, accepted_at=None, revoked_at=None)
        if waiting.filter(expires_at__gt=timezone.now()).exists():
            sentence = _("%(email)s is invited already. Resend or revoke that invitation.")
            raise ValidationError({"email": sentence % {"email": email}})
        waiting.update(revoked_at=timezone.now())  # ran out; this one replaces it
        token, hashed = new_token()
        invitation = Invitation.objects.create(
            workspace=workspace,
            email=email,
            role=role,
            token_hash=hashed,
            invited_by=by,
            expires_at=timezone.now() + VALID_FOR,
            mailed=settings.MAIL_IS_SET_UP,
        )
        record(
            actor=by,
            action="invitation.create",
            target=invitation,
            workspace=workspace,
            changes={"email": [None, email], "role": [None, role]},
        )
    return invitation, _send(invitation, token)


def resend(*, invitation: Invitation, by: User) -> str:
    """A new link with a new week; the old link stops working. Returns the link.

    Raises:
        ValidationError: it was accepted or revoked.
    """
    token, hashed = new_token()
    with transaction.atomic():
        changed = Invitation.objects.filter(
            pk=invitation.pk, accepted_at=None, revoked_at=None
        ).update(
            token_hash=hashed,
            expires_at=timezone.now() + VALID_FOR,
            mailed=settings.MAIL_IS_SET_UP,
        )
        if not changed:
            raise ValidationError(_("This invitation was accepted or revoked. Make a new one."))
        record(
            actor=by,
            action="invitation.resend",
            target=invitation,
            workspace=invitation.workspace,
        )
    invitation.refresh_from_db()
    return _send(invitation, token)


@transaction.atomic
def revoke(*, invitation: Invitation, by: User) -> None:
    """The link stops working.

    Raises:
        ValidationError: it was accepted or revoked before.
    """
    changed = Invitation.objects.filter(pk=invitation.pk, accepted_at=None, revoked_at=None).update(
        revoked_at=timezone.now()
    )
    if not changed:
        raise ValidationError(_("This invitation was accepted or revoked before."))
    record(actor=by, action="invitation.revoke", target=invitation, workspace=invitation.workspace)


def _send(invitation: Invitation, token: str) -> str:
    """After the commit: a mail server that does not answer must not hold a row locked."""
    link = public_address(reverse("invitation", args=[token]))
    if invitation.mailed:
        subject = _("[Rondo] %(who)s invites you to %(workspace)s")
        names = {"who": invitation.invited_by, "workspace": invitation.workspace}
        text = render_to_string(
            "workspaces/invitation_mail.txt", {"invitation": invitation, "link": link}
        )
        try:
            send_mail(" ".join((subject % names).split()), text, None, [invitation.email])
        except (OSError, SMTPException):
            log.exception("The invitation %s could not be mailed", invitation.pk)
            invitation.mailed = False  # the page then shows the link to the inviter
            invitation.save(update_fields=["mailed"])
    return link
