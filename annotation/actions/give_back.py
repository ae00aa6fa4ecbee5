"""End a reservation without an answer. Where the slot goes depends on what it holds."""

from django.db.models import QuerySet
from django.db.models.functions import Now

from annotation.models import Assignment, Campaign
from annotation.models.assignments import AssignmentState
from annotation.models.campaigns import Purpose


def give_back(held: QuerySet[Assignment]) -> int:
    """Release reserved slots; how many there were.

    A slot that was reopened by an undo still has its judgement, which counts: it is submitted
    again. A repeat or a check was made for this person only: a repeat is withdrawn, a check goes
    away, so that it can be handed to the same person once more. Any other slot is free.
    """
    released = held.filter(state=AssignmentState.LEASED)
    answered = released.filter(submitted_at__isnull=False)
    repeated = released.filter(submitted_at__isnull=True, repeat_of__isnull=False)
    fresh = released.filter(submitted_at__isnull=True, repeat_of__isnull=True, purpose=Purpose.WORK)
    checks = released.filter(submitted_at__isnull=True).exclude(purpose=Purpose.WORK)
    return (
        checks.delete()[0]
        + answered.update(state=AssignmentState.SUBMITTED, lease_until=None)
        + repeated.update(state=AssignmentState.WITHDRAWN, lease_until=None)
        + fresh.update(
            state=AssignmentState.OPEN,
            annotator=None,
            lease_until=None,
            claimed_at=None,
            shown_order=[],
        )
    )


def release_expired(*, campaign: Campaign) -> int:
    """Give back what was reserved too long, by the database's clock; how many there were."""
    return give_back(Assignment.objects.filter(campaign=campaign, lease_until__lt=Now()))
