"""What a workspace asks about answers in its own words: add one, retire one."""

from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from annotation.domain.rating_scales import OVERALL, SAFETY, TAGS
from annotation.models import Attribute
from webapp.audit.actions.record import record
from webapp.workspaces.models import Workspace

TAKEN = {scale.aspect for scale in (OVERALL, SAFETY, *TAGS)}


@transaction.atomic
def add_attribute(
    *,
    workspace: Workspace,
    by: Any,
    name: str,
    question: str,
    lowest: int,
    highest: int,
    rubric: str = "",
) -> Attribute:
    """
    Raises:
        ValidationError: the name is taken, or the scale has not two to ten values.
    """
    if name in TAKEN or Attribute.objects.filter(workspace=workspace, name=name).exists():
        raise ValidationError({"name": _("“%s” is taken. Choose another name.") % name})
    if not lowest < highest <= lowest + 9:
        raise ValidationError(
            {
                "highest": _("A scale has two to ten values; this one goes from %d to %d.")
                % (lowest, highest)
            }
        )
    added = Attribute.objects.create(
        workspace=workspace,
        name=name,
        question=question,
        lowest=lowest,
        highest=highest,
        rubric=rubric,
    )
    record(actor=by, action="attribute.add", target=added, workspace=workspace)
    return added


@transaction.atomic
def retire_attribute(*, attribute: Attribute, by: Any) -> None:
    """Offer it no more. Campaigns that ask it go on, and its ratings keep their meaning."""
    if Attribute.objects.filter(pk=attribute.pk, retired_at=None).update(retired_at=Now()):
        record(actor=by, action="attribute.retire", target=attribute, workspace=attribute.workspace)
