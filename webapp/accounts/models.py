"""People: who they are and how they prove it. What they may do is said in webapp.workspaces."""

import zoneinfo
from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models.functions import Lower
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext as _


class Users(BaseUserManager["User"]):
    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        user = self.model(email=email.strip().lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(email=(username or "").strip().lower())


def validate_time_zone(name: str) -> None:
    if name not in zoneinfo.available_timezones():
        sentence = _("%(name)s is not a time zone. Allowed: names such as UTC or Europe/Berlin.")
        raise ValidationError(sentence % {"name": repr(name)})


class User(AbstractBaseUser):
    """A person. The e-mail address is the login; `is_site_admin` stands above every workspace."""

    email = models.EmailField(unique=True)
    name = models.CharField(max_length=150, blank=True)
    is_active = models.BooleanField(default=True)  # False: may not log in; running sessions end
    is_site_admin = models.BooleanField(default=False)
    may_create_workspaces = models.BooleanField(default=False)  # site admins may anyway
    time_zone = models.CharField(max_length=60, default="UTC")
    sessions_epoch = models.PositiveIntegerField(default=0)  # one more: every running session ends
    # Set: the account opens this and nothing else, whatever its memberships say (crowd workers).
    limited_to = models.CharField(max_length=60, blank=True, default="", db_default="")
    created_at = models.DateTimeField(auto_now_add=True)

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    objects = Users()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(email=Lower("email")), name="an_email_is_kept_in_lower_case"
            )
        ]

    def __str__(self) -> str:
        return self.name or self.email

    def _get_session_auth_hash(self, secret: str | None = None) -> str:
        """Part of every session; a session whose copy differs is nobody's at its next request."""
        salt = "webapp.accounts.models.User.session"
        value = f"{self.password}{self.sessions_epoch}"
        return salted_hmac(salt, value, secret=secret, algorithm="sha256").hexdigest()

    def get_full_name(self) -> str:
        return self.name or self.email

    # allauth and django.contrib ask these two of any user model
    @property
    def is_staff(self) -> bool:
        return self.is_site_admin

    @property
    def is_superuser(self) -> bool:
        return self.is_site_admin


class Throttle(models.Model):
    """How often something was tried in the window that ends at `resets_at` (see throttle.py)."""

    key = models.CharField(max_length=64, primary_key=True)  # sha256 of what is counted
    count = models.PositiveIntegerField()
    resets_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"{self.count} until {self.resets_at:%H:%M:%S}"
