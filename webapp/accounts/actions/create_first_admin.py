"""The first person of an installation, and the admins that the command line adds."""

import os
import secrets

from allauth.account.models import EmailAddress
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import connection, transaction
from django.utils.translation import gettext as _

from webapp.accounts.models import User
from webapp.audit.actions.record import record

LOCK = 0x526F6E646F  # any number that nothing else here locks


@transaction.atomic
def create_first_admin() -> tuple[str, str] | None:
    """Make a site admin if there is none. Returns (email, password), or None if there is one.

    The address is ADMIN_EMAIL from the environment, else admin@ and the host of PUBLIC_URL.
    """
    with connection.cursor() as cursor:  # two first starts at once make one admin
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
    if User.objects.filter(is_site_admin=True).exists():
        return None
    host = settings.PUBLIC_URL.hostname or ""
    named = host if "." in host and not host.replace(".", "").isdigit() else "localhost"
    return create_admin(email=os.environ.get("ADMIN_EMAIL", "").strip() or f"admin@{named}")


@transaction.atomic
def create_admin(*, email: str) -> tuple[str, str]:
    """A new site admin with a made-up password, which is returned once and kept nowhere.

    Raises:
        ValidationError: this is no address, or somebody has it already.
    """
    email = email.strip().lower()
    validate_email(email)
    if User.objects.filter(email=email).exists():
        sentence = _("%(email)s has an account already. A site admin can make it an administrator.")
        raise ValidationError(sentence % {"email": email})
    password = secrets.token_urlsafe(15)
    user = User.objects.create_user(email, password, is_site_admin=True)
    EmailAddress.objects.create(user=user, email=email, primary=True, verified=True)
    record(actor=None, action="person.create", target=user, changes={"is_site_admin": [None, True]})
    return email, password
