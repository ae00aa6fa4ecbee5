"""Keep the fingerprints and words of prompts: at once for a few, as a job for an import.

Fingerprints are counted with numpy, which a process that only asks for the job does not load.
"""

from collections.abc import Callable, Sequence
from typing import Any

from django.db import transaction

from annotation.imports.prepared import TEXT_MISSING
from annotation.models import Prompt
from webapp.jobs import enqueue
from webapp.jobs.models import Job, State
from webapp.workspaces.models import Workspace

BATCH = 1000
KIND = "prompts.index"


@transaction.atomic
def index_now(*, prompts: Sequence[int]) -> None:
    """Fingerprint these few prompts, anew where they have been."""
    from annotation.fingerprints import store_fingerprints

    store_fingerprints(list(Prompt.objects.filter(pk__in=prompts).values_list("pk", "messages")))


def index_later(*, workspace: Workspace, by: Any) -> Job:
    """A job that fingerprints every prompt that is without; in the caller's transaction.

    An import calls it once: its COPY stays as fast as it is. A job that waits already is enough,
    since it begins after this transaction.
    """
    waiting = Job.objects.filter(kind=KIND, workspace=workspace, state=State.QUEUED)
    found = waiting.select_for_update(skip_locked=True).order_by("-pk").first()
    return found or enqueue(kind=KIND, owner=by, workspace=workspace)


def index_missing(*, workspace_id: int, on_batch: Callable[[int], None]) -> int:
    """Fingerprint what has none yet, a batch a transaction; how many that were.

    A prompt whose text has not come yet (another file holds it) is left for later.
    """
    from annotation.fingerprints import store_fingerprints

    done, last = 0, 0
    while True:
        missing = (
            Prompt.objects.filter(workspace_id=workspace_id, pk__gt=last, fingerprint__isnull=True)
            .exclude(flags__contains=[TEXT_MISSING])
            .order_by("pk")
        )
        batch = list(missing.values_list("pk", "messages")[:BATCH])
        if not batch:
            return done
        with transaction.atomic():
            store_fingerprints(batch)
        done, last = done + len(batch), batch[-1][0]
        on_batch(done)
