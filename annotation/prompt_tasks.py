"""Long work on prompts. What it does is in the actions; here it beats and says how far it is.

Every process that runs jobs imports this: what needs numpy is imported by the job itself.
"""

from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from annotation.actions import (
    edit_prompts,
    find_duplicates,
    index_prompts,
    report_leakage,
    settle_many,
    undo_edit,
)
from annotation.models import DuplicateCluster, DuplicateSearch, Prompt, PromptEdit, Settlement
from annotation.prompt_filter import PromptFilter
from webapp.jobs import JobFailed, Work, job_kind


@job_kind(index_prompts.KIND, label=gettext_lazy("Index of new prompts"), max_attempts=3)
def index_new_prompts(work: Work) -> dict[str, Any]:
    """Words for the fuzzy search and fingerprints for duplicates, of prompts that have none."""
    workspace = work.job.workspace_id
    assert workspace is not None
    total = Prompt.objects.filter(workspace=workspace, fingerprint__isnull=True).count()
    work.progress(0, total, _("Reading new prompts"))
    done = index_prompts.index_missing(
        workspace_id=workspace, on_batch=lambda done: work.progress(done, max(total, done))
    )
    return {"prompts": done}


@job_kind(edit_prompts.KIND, label=gettext_lazy("Change of many prompts"), max_attempts=5)
def change_prompts(work: Work) -> dict[str, Any]:
    edit = _edit(work)
    found = PromptFilter.from_json(edit.filter)
    total = found.apply(Prompt.objects.filter(workspace=edit.workspace_id)).count()
    work.progress(0, total, _("Changing prompts"))
    edit_prompts.run_edit(edit=edit, on_batch=lambda done: work.progress(done, max(total, done)))
    return {"changed": edit.changed, "edit": edit.pk}


@job_kind(undo_edit.KIND, label=gettext_lazy("Undo of a change of prompts"), max_attempts=5)
def undo_change(work: Work) -> dict[str, Any]:
    edit = _edit(work)
    total = edit.rows.filter(undone=False).count()
    work.progress(0, total, _("Putting prompts back"))
    done = undo_edit.run_undo(
        edit=edit, on_batch=lambda done: work.progress(done, max(total, done))
    )
    return {"put_back": done, "edit": edit.pk}


@job_kind(find_duplicates.KIND, label=gettext_lazy("Search for duplicates"), max_attempts=2)
def search_duplicates(work: Work) -> dict[str, Any]:
    from annotation.actions.search_duplicates import run_search

    search = DuplicateSearch.objects.filter(job=work.job).first()
    if search is None:
        raise JobFailed(_("The search was deleted meanwhile."))
    clusters = run_search(search=search, progress=work.progress)
    return {"prompts": search.prompts, "clusters": clusters}


@job_kind(settle_many.KIND, label=gettext_lazy("Decision about many duplicates"), max_attempts=5)
def settle_clusters(work: Work) -> dict[str, Any]:
    row = _settlement(work)
    total = row.clusters.filter(state=DuplicateCluster.State.OPEN).count()
    work.progress(0, total, _("Settling duplicates"))
    settle_many.run_settlement(row=row, on_each=lambda done: work.progress(done, max(total, done)))
    return {"settled": row.settled().count(), "left": row.left}


@job_kind(
    settle_many.UNDO_KIND, label=gettext_lazy("Undo of a decision about duplicates"), max_attempts=5
)
def unsettle_clusters(work: Work) -> dict[str, Any]:
    row = _settlement(work)
    total = row.settled().count()
    work.progress(0, total, _("Opening duplicates again"))
    settle_many.run_undo(row=row, on_each=lambda done: work.progress(done, max(total, done)))
    return {"opened": total - row.settled().count(), "left": row.settled().count()}


def _settlement(work: Work) -> Settlement:
    row = Settlement.objects.filter(pk=work.arguments["settlement"]).first()
    if row is None:
        raise JobFailed(_("The decision was deleted meanwhile."))
    return row


def _edit(work: Work) -> PromptEdit:
    edit = PromptEdit.objects.filter(pk=work.arguments["edit"]).first()
    if edit is None:
        raise JobFailed(_("The change was deleted meanwhile."))
    return edit


@job_kind(report_leakage.KIND, label=gettext_lazy("Leakage report"), max_attempts=2)
def check_leakage(work: Work) -> dict[str, Any]:
    workspace = work.job.workspace
    assert workspace is not None
    return report_leakage.run_report(
        workspace=workspace,
        path=work.artifact_path("leakage.csv"),
        name=f"leakage-{workspace.slug}-{work.job.pk}.csv",
        progress=work.progress,
    )
