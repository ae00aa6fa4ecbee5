"""The jobs of the wizards."""

from typing import Any

from django.urls import reverse
from django.utils.translation import gettext_lazy

from training.factory.job_kinds import KIND, KIND_WITH_MODELS
from webapp.jobs import Work, job_kind
from webapp.jobs.models import Job, Queue


def _page(job: Job) -> str | None:
    run = job.arguments.get("run_id")
    if run is None or job.workspace is None:
        return None
    return reverse("training:factory_run", args=[job.workspace.slug, run])


@job_kind(KIND, label=gettext_lazy("Factory"), max_attempts=5, resumable=True, page=_page)
def ask_services(work: Work) -> dict[str, Any]:
    """Services, and recorded answers."""
    return _carry_out(work)


@job_kind(
    KIND_WITH_MODELS,
    label=gettext_lazy("Factory"),
    queue=Queue.GPU,
    max_attempts=5,
    resumable=True,
    page=_page,
)
def ask_models(work: Work) -> dict[str, Any]:
    """The same, where weights have to be loaded."""
    return _carry_out(work)


def _carry_out(work: Work) -> dict[str, Any]:
    # Here and not above: most workers that know the kind never carry one out.
    from training.factory.actions.carry_out import carry_out

    return carry_out(work)
