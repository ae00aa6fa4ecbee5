"""Why an answer does not come yet: asked once for a page, said for each request."""

from collections.abc import Iterable

from django.utils.translation import gettext as _

from training.models import Generation, GenerationState, Server
from webapp.jobs.models import Queue, State
from webapp.jobs.queries import Outlook


def why_waiting(rows: Iterable[Generation]) -> dict[int, str]:
    """Request -> a sentence, for those that wait; empty while all go on."""
    waiting = [row for row in rows if row.state == GenerationState.QUEUED]
    if not waiting:
        return {}
    servers = {
        server.queue: server.job for server in Server.objects.select_related("job") if server.job
    }
    outlook = Outlook()
    found = {}
    for row in waiting:
        if row.error:
            found[row.pk] = _("%(why)s It is asked again in a moment.") % {"why": row.error}
            continue
        job = servers.get(Queue.GPU if row.endpoint.is_local else Queue.DEFAULT)
        reason = outlook.reason(job) if job is not None else ""
        if not reason and job is not None and job.state == State.RUNNING and row.endpoint.is_local:
            reason = _("The model is being loaded.")
        found[row.pk] = reason or _("Waiting.")
    return found
