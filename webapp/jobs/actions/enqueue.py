"""Ask for a piece of work."""

import json
import uuid
from functools import partial
from typing import Any

from django.db import transaction

from webapp.jobs.hints import send_hint
from webapp.jobs.kinds import kind_named, known_kinds
from webapp.jobs.log import note
from webapp.jobs.models import Job
from webapp.request_context import current_request

LONGEST_ARGUMENTS = 16_384  # characters of JSON: ids fit, contents do not
SECRET_NAMES = ("password", "secret", "token", "api_key", "apikey", "credential")


def enqueue(
    *, kind: str, owner: Any, workspace: Any = None, arguments: dict[str, Any] | None = None
) -> Job:
    """Add a job in the caller's transaction; workers get a hint when that commits.

    `arguments` name what to work on, by id. `workspace` None makes a job of the site, `owner`
    None one of the system itself.

    Raises:
        ValueError: an unknown kind, or arguments that are no small JSON object or hold a secret.
    """
    known = kind_named(kind)
    if known is None:
        raise ValueError(f"The job kind is {kind!r}. Allowed: {', '.join(known_kinds())}.")
    context = current_request()
    job = Job.objects.create(
        kind=kind,
        queue=known.queue,
        owner=owner if getattr(owner, "pk", None) else None,
        workspace=workspace,
        arguments=_checked(arguments or {}),
        max_attempts=known.max_attempts,
        request_id=context.request_id if context else str(uuid.uuid4()),
    )
    note(job, "queued")
    transaction.on_commit(partial(send_hint, job.queue), robust=True)
    return job


def _checked(arguments: dict[str, Any]) -> dict[str, Any]:
    for name in arguments:
        if any(secret in name.lower() for secret in SECRET_NAMES):
            raise ValueError(f"The argument {name!r} looks like a secret. Give an id instead.")
    written = json.dumps(arguments, allow_nan=False)
    if len(written) > LONGEST_ARGUMENTS:
        raise ValueError(
            f"The arguments take {len(written)} characters of JSON, at most {LONGEST_ARGUMENTS} "
            "are allowed. Store the contents and give their id."
        )
    return arguments
