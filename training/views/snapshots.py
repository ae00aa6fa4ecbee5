"""Snapshots: the list, a new one with its preview, one snapshot with its files, its deletion."""

from typing import Any

import msgspec
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _

from annotation.exports.formats import FORMATS, FileFormat
from annotation.exports.picking import Pick
from annotation.exports.plan import Kind
from annotation.exports.preview import preview, together
from annotation.judgement_filter import JudgementFilter
from training.access import MANAGES, READS
from training.actions.delete_snapshot import delete_snapshot
from training.actions.export_snapshot import export_snapshot
from training.actions.freeze_snapshot import freeze_snapshot
from training.judges import in_words as judged_in_words
from training.judges import judged_by
from training.models import DatasetSnapshot, SnapshotExport
from training.queries import judgements_in, learned_from, snapshots_in
from training.scoring.screen import read_screen
from training.snapshot_downloads import NotMade, is_small, open_download
from training.snapshot_files import SPLITS, first_rows
from training.snapshot_form import SnapshotForm, read_choice
from webapp.rendering import render_markdown
from webapp.workspaces.access import role_of, workspace_page
from webapp.workspaces.models import Workspace

A_PAGE = 30
JUDGEMENTS_A_PAGE = 50
STOP_POLLING = 286
LOOKED_AT = 40
PARTS = ("", *SPLITS)


@workspace_page(*READS)
def snapshot_list(request: HttpRequest, workspace: Workspace) -> HttpResponse:
    shown = Paginator(snapshots_in(workspace), A_PAGE).get_page(request.GET.get("page"))
    context = {"shown": shown, "manages": role_of(workspace) in MANAGES}
    return render(request, "training/snapshots.html", context)


@workspace_page(*MANAGES, methods=("GET", "POST"))
def snapshot_new(request: HttpRequest, workspace: Workspace) -> HttpResponse:
    """The form; by htmx its preview alone: counts and the first rows of what is chosen so far."""
    if request.method == "GET":
        context = _previewed(request, workspace)
        if request.headers.get("HX-Request"):
            return render(request, "training/_snapshot_preview.html", context)
        initial = None if request.GET else {"name": _next_name(workspace)}
        form = SnapshotForm(request.GET or None, workspace=workspace, initial=initial)
        if request.GET:
            form.errors.clear()  # still choosing: nothing was sent yet
        return render(request, "training/snapshot_form.html", context | {"form": form})
    form = SnapshotForm(request.POST, workspace=workspace)
    if form.is_valid():
        try:
            plan, chosen = read_choice(request.POST)
            snapshot = freeze_snapshot(
                workspace=workspace,
                by=request.user,
                name=form.cleaned_data["name"],
                plan=plan,
                chosen=chosen,
                screen=read_screen(request.POST, workspace),
            )
        except ValidationError as refused:
            form.add_error(None, refused)
        else:
            return redirect("training:snapshot", workspace.slug, snapshot.pk)
    context = _previewed(request, workspace) | {"form": form}
    return render(request, "training/snapshot_form.html", context, status=422)


def _previewed(request: HttpRequest, workspace: Workspace) -> dict[str, Any]:
    given = request.POST if request.method == "POST" else request.GET.copy()
    if request.method == "GET" and not request.GET:
        given["people"] = "on"  # as the form begins
    try:
        plan, chosen = read_choice(given)
        screen = read_screen(given, workspace)
        if screen is not None:
            screen.check(workspace, plan.kind)
        found = preview(Pick(workspace, plan, chosen))
        return {"preview": found, "plan": plan, "chosen": chosen, "screen": screen}
    except ValidationError as refused:
        return {"refused": " ".join(refused.messages)}


def _next_name(workspace: Workspace) -> str:
    number = DatasetSnapshot.objects.filter(workspace=workspace).count() + 1
    return _("Snapshot %d") % number


@workspace_page(*READS)
def snapshot_page(request: HttpRequest, workspace: Workspace, snapshot: int) -> HttpResponse:
    """The page, and its polled part while a job of it is active."""
    found = get_object_or_404(snapshots_in(workspace), pk=snapshot)
    context = _snapshot_context(found, workspace)
    if request.headers.get("HX-Request"):
        status = 200 if context["active"] else STOP_POLLING
        answer = render(request, "training/_snapshot.html", context, status=status)
        if not context["active"]:
            answer["HX-Refresh"] = "true"  # a download stands above the polled part now
        return answer
    return render(request, "training/snapshot.html", context)


def _snapshot_context(snapshot: DatasetSnapshot, workspace: Workspace) -> dict[str, Any]:
    exports = list(snapshot.exports.select_related("job"))
    jobs = [snapshot.job, *(export.job for export in exports)]
    context: dict[str, Any] = {
        "snapshot": snapshot,
        "manages": role_of(workspace) in MANAGES,
        "active": any(job is not None and not job.is_finished for job in jobs),
    }
    if not snapshot.ready:
        return context
    kind = Kind(snapshot.kind)
    made = {(export.format, export.split): export for export in exports}
    return context | {
        "judged": judged_in_words(judged_by([snapshot])),
        "in_words": JudgementFilter.from_json(snapshot.filter).in_words(),
        "card": render_markdown(_body(snapshot.card)),
        "files": [
            {"format": each, "files": [_file(snapshot, each, split, made) for split in PARTS]}
            for each in FORMATS.values()
            if kind in each.kinds
        ],
        "splits": SPLITS,
        "first": _first(snapshot),
    }


def _body(card: str) -> str:
    """The card without its front matter and its title, which the page has already."""
    return card.partition("\n---\n")[2].strip().partition("\n")[2]


def _file(
    snapshot: DatasetSnapshot,
    form: FileFormat,
    split: str,
    made: dict[tuple[str, str], SnapshotExport],
) -> dict[str, Any]:
    """One cell of the table of files: what can be downloaded, is being made, or can be made."""
    export = made.get((form.name, split))
    frozen = form.name == "jsonl.zst" and not split
    artifact = snapshot.artifact if frozen else export.artifact if export else {}
    return {
        "name": form.name,
        "label": form.label,
        "split": split,
        "empty": bool(split) and not snapshot.splits.get(split),
        "ready": bool(artifact) or is_small(snapshot),
        "size": artifact.get("size"),
        "job": export.job if export else None,
        "skipped": export.skipped if export else 0,
    }


def _first(snapshot: DatasetSnapshot) -> Any:
    try:
        rows = [msgspec.json.decode(line) for line in first_rows(snapshot, LOOKED_AT)]
    except (FileNotFoundError, ValueError, OSError):
        return None  # the file is gone; the page says so
    if snapshot.kind == Kind.PREFERENCE:
        return together(rows, whole=len(rows) < LOOKED_AT)
    return together([row | {"group": str(n)} for n, row in enumerate(rows)], whole=True)


@workspace_page(*READS)
def snapshot_judgements(request: HttpRequest, workspace: Workspace, snapshot: int) -> HttpResponse:
    """The judgements that are in it: from a model's data back to who said what."""
    found = get_object_or_404(snapshots_in(workspace), pk=snapshot)
    kinds: dict[str, int] = found.counts.get("kinds", {})
    kind = request.GET.get("kind", "")
    if kind not in kinds:
        kind = next(iter(kinds), "")
    pages = Paginator(range(kinds.get(kind, 0)), JUDGEMENTS_A_PAGE)
    shown = pages.get_page(request.GET.get("page"))
    start = max(0, shown.start_index() - 1)
    context = {
        "snapshot": found,
        "kinds": kinds,
        "kind": kind,
        "shown": shown,
        "rows": judgements_in(found, kind, start, JUDGEMENTS_A_PAGE) if kind else [],
    }
    return render(request, "training/snapshot_judgements.html", context)


@workspace_page(*READS)
def snapshot_download(
    request: HttpRequest, workspace: Workspace, snapshot: int
) -> HttpResponseBase:
    found = get_object_or_404(snapshots_in(workspace), pk=snapshot)
    try:
        return open_download(
            found,
            request.GET.get("format", "jsonl.zst")[:40],
            request.GET.get("split", "")[:40],
        )
    except NotMade:
        messages.info(request, _("That file is large: let it be made first, by “Make the file”."))
    except ValidationError as refused:
        messages.error(request, " ".join(refused.messages))
    return redirect("training:snapshot", workspace.slug, snapshot)


@workspace_page(*MANAGES, methods=("POST",))
def snapshot_export(request: HttpRequest, workspace: Workspace, snapshot: int) -> HttpResponse:
    found = get_object_or_404(snapshots_in(workspace), pk=snapshot)
    try:
        export_snapshot(
            snapshot=found,
            by=request.user,
            format_name=request.POST.get("format", "")[:40],
            split=request.POST.get("split", "")[:40],
        )
    except ValidationError as refused:
        messages.error(request, " ".join(refused.messages))
    return redirect("training:snapshot", workspace.slug, snapshot)


@workspace_page(*MANAGES, methods=("GET", "POST"))
def snapshot_delete(request: HttpRequest, workspace: Workspace, snapshot: int) -> HttpResponse:
    found = get_object_or_404(snapshots_in(workspace), pk=snapshot)
    if request.method == "POST":
        try:
            delete_snapshot(snapshot=found, by=request.user)
        except ValidationError as refused:
            messages.error(request, " ".join(refused.messages))
            return redirect("training:snapshot", workspace.slug, snapshot)
        messages.success(request, _("The snapshot “%s” is deleted.") % found.name)
        return redirect("training:snapshots", workspace.slug)
    return render(request, "training/snapshot_delete.html", _consequences(found))


def _consequences(snapshot: DatasetSnapshot) -> dict[str, Any]:
    takes = [_("the file with its %d rows, and its card") % (snapshot.rows or 0)]
    exports = snapshot.exports.count()
    if exports:
        takes.append(_("%d files made of it") % exports)
    takes.append(_("the list of the judgements in it; the judgements themselves stay"))
    return {
        "snapshot": snapshot,
        "question": _("Delete the snapshot “%s”?") % snapshot.name,
        "takes": takes,
        "uses": learned_from(snapshot),
    }
