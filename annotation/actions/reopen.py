"""Hand an answered item to its author once more, because a reviewer sent it back."""

from django.db import IntegrityError, transaction
from django.db.models import F
from django.db.models.functions import Now

from annotation.models import Assignment, Campaign, Draft
from annotation.models.assignments import AssignmentState
from annotation.typed_again import typed_of


def reopen(*, campaign: Campaign, pk: int) -> bool:
    """Reserve assignment `pk` for its author again; whether this call did it.

    The form begins with what was answered, unless a correction was begun already. The answer counts
    until another one is in.
    """
    try:
        with transaction.atomic():
            taken = Assignment.objects.filter(
                pk=pk, campaign=campaign, state=AssignmentState.SUBMITTED
            ).update(
                state=AssignmentState.LEASED,
                lease_until=Now() + campaign.reservation,
                attempt=F("attempt") + 1,
            )
            if not taken:
                return False
            row = Assignment.objects.select_related("item", "campaign").get(pk=pk)
            Draft.objects.get_or_create(
                item_id=row.item_id,
                annotator_id=row.annotator_id,
                defaults={"content": typed_of(row)},
            )
            return True
    except IntegrityError:  # another window of the same person took something meanwhile
        return False
