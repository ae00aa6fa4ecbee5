"""The long work on files that come in, as kinds of jobs."""

from typing import Any

from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from annotation.actions.run_import import run_check, run_import
from annotation.actions.start_import import CHECK, IMPORT
from annotation.actions.undo_import import UNDO, run_undo
from webapp.jobs import Work, job_kind
from webapp.jobs.models import Job


def _page(job: Job) -> str | None:
    if job.workspace is None:
        return None
    return reverse("annotation:import", args=[job.workspace.slug, job.arguments["import_id"]])


@job_kind(CHECK, label=_("Dry run of an import"), page=_page)
def import_check(work: Work) -> dict[str, Any]:
    return run_check(work)


@job_kind(IMPORT, label=_("Import of a file"), page=_page)
def import_file(work: Work) -> dict[str, Any]:
    return run_import(work)


@job_kind(UNDO, label=_("Undo of an import"), page=_page)
def import_undo(work: Work) -> dict[str, Any]:
    return run_undo(work)
