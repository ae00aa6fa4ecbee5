"""One workspace is one tenant: its members see what is in it and nobody else does."""

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class Role(models.TextChoices):
    ANNOTATOR = "annotator", _("Annotator")  # works on assignments; sees own work and guidelines
    MANAGER = "manager", _("Manager")  # opens campaigns, imports, trains, invites
    VIEWER = "viewer", _("Viewer")  # reads everything, changes nothing


class Workspace(models.Model):
    name = models.CharField(max_length=100)
    slug = models.SlugField(max_length=60, unique=True)
    description = models.TextField(blank=True, max_length=2000)
    created_at = models.DateTimeField(auto_now_add=True)
    archived_at = models.DateTimeField(null=True, blank=True)  # set: can be read, not changed
    # Set: nobody sees it any more, and a job takes its rows out; the address is free again.
    deleted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["name", "pk"]

    def __str__(self) -> str:
        return self.name


class Membership(models.Model):
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships"
    )
    role = models.CharField(max_length=10, choices=Role.choices)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "user"], name="a_person_is_once_in_a_workspace"
            ),
            models.CheckConstraint(
                condition=models.Q(role__in=Role.values), name="a_membership_has_a_known_role"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user} is {self.get_role_display()} in {self.workspace}"


class Invitation(models.Model):
    """A place in a workspace for whoever reads this address's mail; the link works once.

    Only the hash of the link's token is kept. A new link (resend) replaces the old one.
    """

    class State(models.TextChoices):
        PENDING = "pending", _("Pending")  # accept, revoke, or time leaves it
        ACCEPTED = "accepted", _("Accepted")  # final: the person is a member
        REVOKED = "revoked", _("Revoked")  # final: withdrawn by a manager
        EXPIRED = "expired", _("Expired")  # resend makes it pending again

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="invitations")
    email = models.EmailField()
    role = models.CharField(max_length=10, choices=Role.choices)
    token_hash = models.CharField(max_length=64, unique=True)
    invited_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    mailed = models.BooleanField(default=False)  # False: the link was shown to the inviter instead
    accepted_at = models.DateTimeField(null=True)
    accepted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "email"],
                condition=models.Q(accepted_at=None, revoked_at=None),
                name="an_address_is_invited_once_at_a_time",
            ),
            models.CheckConstraint(
                condition=models.Q(role__in=Role.values), name="an_invitation_has_a_known_role"
            ),
            models.CheckConstraint(
                condition=models.Q(accepted_at=None) | models.Q(revoked_at=None),
                name="an_invitation_is_not_accepted_and_revoked",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.email} as {self.get_role_display()} in {self.workspace}"

    @property
    def state(self) -> str:
        if self.accepted_at:
            return self.State.ACCEPTED
        if self.revoked_at:
            return self.State.REVOKED
        return self.State.EXPIRED if self.expires_at <= timezone.now() else self.State.PENDING
