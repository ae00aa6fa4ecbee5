"""Endpoints, requests and finished jobs for tests. Plain functions with plain defaults."""

import itertools
from typing import Any

from training.actions.ask import ask, fill_batch
from training.generate import Ask, Sampling
from training.models import Batch, EndpointKind, Generation, ModelEndpoint
from webapp.jobs import enqueue
from webapp.jobs.models import Job
from webapp.jobs.runner import run_next
from webapp.workspaces.models import Workspace

_numbers = itertools.count(1)


def an_endpoint(
    workspace: Workspace, name: str = "", *, base_url: str = "", **fields: Any
) -> ModelEndpoint:
    """Recorded answers of the generator of the same name, or the service at `base_url`."""
    name = name or f"model-{next(_numbers)}"
    kind = EndpointKind.SERVICE if base_url else EndpointKind.RECORDED
    return ModelEndpoint.objects.create(
        **{"workspace": workspace, "name": name, "kind": kind, "model": name, **fields},
        base_url=base_url,
    )


def one(text: str = "Hello?") -> list[dict[str, str]]:
    return [{"role": "user", "content": text}]


def asked(endpoint: ModelEndpoint, text: str = "Hello?", **sampling: Any) -> Generation:
    return ask(Ask(endpoint, one(text), Sampling(**sampling)))[0]


def a_batch(
    endpoint: ModelEndpoint, texts: list[str], *, by: Any, budget: Any = None, **sampling: Any
) -> Batch:
    """A batch of requests with its job queued."""
    batch = Batch.objects.create(
        workspace=endpoint.workspace, name="Test", purpose="sample", budget=budget, created_by=by
    )
    fill_batch(batch=batch, asks=[Ask(endpoint, one(text), Sampling(**sampling)) for text in texts])
    batch.job = enqueue(
        kind="sample", owner=by, workspace=endpoint.workspace, arguments={"batch": batch.pk}
    )
    batch.save()
    return batch


def work(queue: str = "default") -> Job:
    """Run the next job of the queue to its end, in this process."""
    job = run_next(queue=queue, worker="test")
    assert job is not None
    job.refresh_from_db()
    return job
