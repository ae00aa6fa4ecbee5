"""A site admin adds a person."""

from allauth.account.models import EmailAddress
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.utils.translation import gettext as _

from webapp.accounts.actions.administer_person import issue_reset_link
from webapp.accounts.models import User
from webapp.audit.actions.record import record


@transaction.atomic
def create_person(*, email: str, name: str, by: User) -> tuple[User, str]:
    """An account without a password. Returns it and the link that sets one (24 hours, once).

    Raises:
        ValidationError: this is no address, or somebody has it already.
    """
    email = email.strip().lower()
    validate_email(email)
    if User.objects.filter(email=email).exists():
        raise ValidationError(_("%(email)s has an account already.") % {"email": email})
    person = User.objects.create_user(email, name=name.strip())
    EmailAddress.objects.create(user=person, email=email, primary=True, verified=False)
    record(actor=by, action="person.create", target=person, changes={"email": [None, email]})
    return person, issue_reset_link(person=person, by=by)
