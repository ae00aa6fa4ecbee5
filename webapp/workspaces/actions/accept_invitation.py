"""Somebody takes the place that an invitation keeps."""

import hashlib
import secrets

from allauth.account.models import EmailAddress
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from webapp.accounts.models import User
from webapp.audit.actions.record import record
from webapp.workspaces.models import Invitation, Membership


def new_token() -> tuple[str, str]:
    """(token, hash): the token goes into the link, only the hash is kept."""
    token = secrets.token_urlsafe(32)
    return token, token_hash(token)


def token_hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def open_invitations() -> QuerySet[Invitation]:
    """Those that can still be accepted."""
    return Invitation.objects.filter(
        accepted_at=None,
        revoked_at=None,
        expires_at__gt=timezone.now(),
        workspace__archived_at=None,
    ).select_related("workspace", "invited_by")


def invitation_of(token: str) -> Invitation | None:
    return open_invitations().filter(token_hash=token_hash(token)).first()


def has_open_invitation(email: str) -> bool:
    return open_invitations().filter(email=email.strip().lower()).exists()


@transaction.atomic
def accept_invitation(*, invitation: Invitation, user: User) -> Membership:
    """Make `user` a member. A person who is one already keeps the role held.

    Raises:
        ValidationError: it was meant for another address, or it can no longer be accepted.
    """
    if user.email != invitation.email:
        sentence = _("This invitation is for %(email)s, and you are logged in as %(mine)s.")
        raise ValidationError(sentence % {"email": invitation.email, "mine": user.email})
    if invitation.workspace.archived_at:
        raise ValidationError(_("This workspace is archived: nobody can join it."))
    now = timezone.now()
    taken = Invitation.objects.filter(
        pk=invitation.pk, accepted_at=None, revoked_at=None, expires_at__gt=now
    ).update(accepted_at=now, accepted_by=user)
    if not taken:  # somebody was faster, or it was revoked or ran out meanwhile
        raise ValidationError(_("This invitation has been used, revoked or has run out."))
    membership, new = Membership.objects.get_or_create(
        workspace=invitation.workspace, user=user, defaults={"role": invitation.role}
    )
    record(
        actor=user,
        action="invitation.accept",
        target=invitation,
        workspace=invitation.workspace,
        changes={"role": [None, membership.role]} if new else {},
    )
    return membership


@transaction.atomic
def join_by_invitation(
    *, invitation: Invitation, name: str, password: str
) -> tuple[User, Membership]:
    """Make an account for the invited address, and accept.

    The address counts as verified only if the link came by mail: a link that was shown to the
    inviter proves nothing about who reads the mail.

    Raises:
        ValidationError: there is an account with this address already, or as in accept_invitation.
    """
    if User.objects.filter(email=invitation.email).exists():
        sentence = _("There is an account for %(email)s already. Log in to accept.")
        raise ValidationError(sentence % {"email": invitation.email})
    user = User.objects.create_user(invitation.email, password, name=name)
    EmailAddress.objects.create(
        user=user, email=user.email, primary=True, verified=invitation.mailed
    )
    record(actor=user, action="person.join", target=user, workspace=invitation.workspace)
    return user, accept_invitation(invitation=invitation, user=user)


@transaction.atomic
def accept_all_for(*, user: User) -> list[Membership]:
    """Every open invitation of an address that somebody we trust has verified."""
    found = open_invitations().filter(email=user.email)
    return [accept_invitation(invitation=each, user=user) for each in found]
