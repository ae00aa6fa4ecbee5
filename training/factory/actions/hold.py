"""Give a reviewer something to decide that nobody else has on the screen."""

from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now

from training.factory.queries import waiting_for_review
from training.models import Candidate, CandidateState, FactoryRun

MINUTES = 15  # long enough to rewrite an answer; who went home holds nothing up for longer


@transaction.atomic
def hold_next(*, run: FactoryRun, by: Any, after: int = 0) -> Candidate | None:
    """The oldest candidate that waits and is nobody else's, now held by `by` alone.

    after: the id of one to pass over, with all before it; from the last on it begins anew. A person
    holds one at a time: what they had before is free again. None: others hold whatever waits.
    """
    free = Q(held_by=None) | Q(held_by=by) | Q(held_until__lte=Now())
    # Locked rows are passed over: who holds them is about to be written.
    rows = waiting_for_review(run).filter(free).select_for_update(of=("self",), skip_locked=True)
    found = (rows.filter(pk__gt=after).first() if after else None) or rows.first()
    mine = run.candidates.filter(held_by=by, state=CandidateState.WAITING)
    if found is None:
        return None
    mine.exclude(pk=found.pk).update(held_by=None, held_until=None)
    until = Now() + timedelta(minutes=MINUTES)
    Candidate.objects.filter(pk=found.pk).update(held_by=by, held_until=until)
    return found
