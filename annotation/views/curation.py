"""Duplicates, leakage and use cases of a workspace's prompts."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _

from annotation import filter_values as values
from annotation.access import MANAGES, READS
from annotation.actions.edit_prompts import edit_prompts
from annotation.actions.find_duplicates import find_duplicates
from annotation.actions.protect_prompts import protect_prompts
from annotation.actions.report_leakage import KIND, report_leakage
from annotation.actions.save_use_case import delete_use_case, save_use_case
from annotation.actions.settle_cluster import settle_cluster, undo_settlement
from annotation.actions.settle_many import settle_many, undo_settlements
from annotation.duplicate_pages import cluster_rows, clusters_with_samples
from annotation.models import (
    DuplicateCluster,
    DuplicateSearch,
    Prompt,
    SavedView,
    Settlement,
    Split,
    UseCase,
)
from annotation.prompt_filter import PromptFilter
from annotation.prompt_forms import DuplicatesForm, UseCaseForm
from annotation.protected_sets import sets_of
from annotation.use_case_shares import INSTRUCTGPT, choices_of, mix_of, side_of
from webapp.jobs.models import Job, State
from webapp.jobs.models import State as JobState
from webapp.workspaces.access import person_of, role_of, workspace_page
from webapp.workspaces.models import Workspace

A_PAGE = 20
ClusterState = DuplicateCluster.State


@workspace_page(*READS)
def duplicates(request: HttpRequest, workspace: Workspace) -> HttpResponse:
    """The clusters of the last search, the largest first."""
    return _duplicates(request, workspace, DuplicatesForm())


@workspace_page(*MANAGES, methods=("POST",))
def duplicates_search(request: HttpRequest, workspace: Workspace) -> HttpResponse:
    form = DuplicatesForm(request.POST)
    if form.is_valid():
        try:
            find_duplicates(
                workspace=workspace, by=request.user, threshold=form.cleaned_data["threshold"]
            )
            return redirect("annotation:duplicates", workspace.slug)
        except ValidationError as refused:
            form.add_error(None, refused)
    return _duplicates(request, workspace, form)


def _duplicates(request: HttpRequest, workspace: Workspace, form: DuplicatesForm) -> HttpResponse:
    state = request.GET.get("state", ClusterState.OPEN)
    state = state if state in ClusterState.values else ClusterState.OPEN
    found = DuplicateCluster.objects.filter(search__workspace=workspace, state=state)
    found = found.select_related("settled_by", "kept").order_by("-size", "pk")
    shown = Paginator(found, A_PAGE).get_page(request.GET.get("page"))
    settlements = Settlement.objects.filter(workspace=workspace).select_related("by", "job")
    latest = settlements.filter(undone_at__isnull=True).first()
    search = DuplicateSearch.objects.filter(workspace=workspace).select_related("job").first()
    context = {
        "form": form,
        "search": search,
        "running": bool(search and search.job and not search.job.is_finished),
        "shown": shown,
        "clusters": clusters_with_samples(list(shown.object_list)),
        "state": state,
        "states": ClusterState.choices,
        "rules": Settlement.Rule.choices,
        "latest": latest,
        "latest_settled": latest.settled().count() if latest else 0,
        "manages": role_of(workspace) in MANAGES,
    }
    return render(request, "prompts/duplicates.html", context, status=422 if form.errors else 200)


@workspace_page(*MANAGES, methods=("POST",))
def duplicates_settle(request: HttpRequest, workspace: Workspace) -> HttpResponse:
    """Decide alike about the clusters chosen on the page, or about all open ones."""
    everything = request.POST.get("everything", "")
    try:
        row = settle_many(
            workspace=workspace,
            by=request.user,
            decision=request.POST.get("decision", ""),
            rule=request.POST.get("rule", ""),
            clusters=None if everything else values.ids("cluster", request.POST.getlist("cluster")),
            only_exact=everything == "exact",
        )
    except ValidationError as refused:
        messages.error(request, " ".join(refused.messages))
    else:
        if row.job:
            return redirect("workspace_job", workspace.slug, row.job.pk)
    return redirect("annotation:duplicates", workspace.slug)


@workspace_page(*MANAGES, methods=("POST",))
def duplicates_unsettle(
    request: HttpRequest, workspace: Workspace, settlement: int
) -> HttpResponse:
    row = get_object_or_404(Settlement, workspace=workspace, pk=settlement)
    try:
        row = undo_settlements(row=row, by=request.user)
        messages.success(request, _("The decision is taken back."))
    except ValidationError as refused:
        messages.error(request, " ".join(refused.messages))
    else:
        if row.finished_at and row.job and not row.job.is_finished:
            return redirect("workspace_job", workspace.slug, row.job.pk)
    return redirect("annotation:duplicates", workspace.slug)


def _cluster(workspace: Workspace, pk: int) -> DuplicateCluster:
    return get_object_or_404(
        DuplicateCluster.objects.select_related("search__workspace", "settled_by", "kept"),
        search__workspace=workspace,
        pk=pk,
    )


@workspace_page(*READS)
def cluster_page(request: HttpRequest, workspace: Workspace, cluster: int) -> HttpResponse:
    return _cluster_page(request, workspace, _cluster(workspace, cluster))


@workspace_page(*MANAGES, methods=("POST",))
def cluster_settle(request: HttpRequest, workspace: Workspace, cluster: int) -> HttpResponse:
    row = _cluster(workspace, cluster)
    keep = request.POST.get("keep", "")
    try:
        settled = settle_cluster(
            cluster=row,
            by=request.user,
            decision=request.POST.get("decision", ""),
            keep=int(keep) if keep.isascii() and keep.isdigit() and len(keep) < 19 else None,
        )
    except ValidationError as refused:
        return _cluster_page(request, workspace, row, " ".join(refused.messages))
    messages.success(request, _("Settled: %s.") % settled.get_state_display().lower())
    return redirect("annotation:cluster", workspace.slug, row.pk)


@workspace_page(*MANAGES, methods=("POST",))
def cluster_undo(request: HttpRequest, workspace: Workspace, cluster: int) -> HttpResponse:
    row = _cluster(workspace, cluster)
    try:
        undo_settlement(cluster=row, by=request.user)
        messages.success(request, _("The decision is taken back."))
    except ValidationError as refused:
        messages.error(request, " ".join(refused.messages))
    return redirect("annotation:cluster", workspace.slug, row.pk)


def _cluster_page(
    request: HttpRequest, workspace: Workspace, row: DuplicateCluster, refused: str = ""
) -> HttpResponse:
    following = DuplicateCluster.objects.filter(
        Q(size__lt=row.size) | Q(size=row.size, pk__gt=row.pk),
        search=row.search_id,
        state=ClusterState.OPEN,
    )
    context = {
        "cluster": row,
        "members": cluster_rows(row),
        "refused": refused,
        "next": following.order_by("-size", "pk").first(),
        "manages": role_of(workspace) in MANAGES,
    }
    return render(request, "prompts/cluster.html", context, status=422 if refused else 200)


@workspace_page(*READS)
def leakage(request: HttpRequest, workspace: Workspace) -> HttpResponse:
    """What is protected, and the last report on what repeats it."""
    sets = sets_of(workspace)
    jobs = Job.objects.filter(kind=KIND, workspace=workspace)
    done = jobs.filter(state=State.DONE).first()
    newest = jobs.first()
    result: dict[str, Any] = done.result if done else {}
    rows = result.get("rows", [])
    texts = (
        Prompt.objects.filter(workspace=workspace)
        .only("text", "split")
        .in_bulk({row[name] for row in rows for name in ("prompt_id", "protected_id")})
    )
    context = {
        "held_out": Prompt.objects.filter(workspace=workspace, split=Split.HELD_OUT).count(),
        "sets": sets,
        "protected": any(each.protects for each in sets),
        "report": done,
        "result": result,
        "rows": [
            row | {"prompt": texts.get(row["prompt_id"]), "other": texts.get(row["protected_id"])}
            for row in rows
        ],
        "running": newest if newest and not newest.is_finished else None,
        "failed": newest if newest and newest.state == JobState.FAILED else None,
        "manages": role_of(workspace) in MANAGES,
    }
    return render(request, "prompts/leakage.html", context)


@workspace_page(*MANAGES, methods=("POST",))
def leakage_check(request: HttpRequest, workspace: Workspace) -> HttpResponse:
    report_leakage(workspace=workspace, by=request.user)
    return redirect("annotation:leakage", workspace.slug)


@workspace_page(*MANAGES, methods=("POST",))
def leakage_protect(request: HttpRequest, workspace: Workspace) -> HttpResponse:
    """Protect the prompts of a campaign or a board, or no longer."""
    kind, _dash, key = request.POST.get("set", "").partition("-")
    on = request.POST.get("on") == "yes"
    try:
        row = protect_prompts(
            workspace=workspace,
            by=request.user,
            kind=kind,
            pk=int(key) if key.isascii() and key.isdigit() and len(key) < 19 else 0,
            protects=on,
        )
    except ValidationError as refused:
        messages.error(request, " ".join(refused.messages))
    else:
        said = (
            _("The prompts of “%s” stay out of training snapshots from now on.")
            if on
            else _("The prompts of “%s” may be trained on again.")
        )
        messages.success(request, said % row.name)
    return redirect("annotation:leakage", workspace.slug)


@workspace_page(*READS)
def use_cases(request: HttpRequest, workspace: Workspace) -> HttpResponse:
    return _use_cases(request, workspace, UseCaseForm())


@workspace_page(*MANAGES, methods=("POST",))
def use_case_save(request: HttpRequest, workspace: Workspace) -> HttpResponse:
    form = UseCaseForm(request.POST)
    if not form.is_valid():
        return _use_cases(request, workspace, form)
    try:
        row = save_use_case(workspace=workspace, by=request.user, **form.cleaned_data)
    except ValidationError as refused:
        form.add_error(None, refused)
        return _use_cases(request, workspace, form)
    messages.success(request, _("“%s” is saved.") % row.name)
    return redirect("annotation:use_cases", workspace.slug)


@workspace_page(*MANAGES, methods=("POST",))
def use_case_delete(request: HttpRequest, workspace: Workspace, use_case: int) -> HttpResponse:
    row = get_object_or_404(UseCase, workspace=workspace, pk=use_case)
    delete_use_case(use_case=row, by=request.user)
    messages.success(request, _("“%s” is deleted. Prompts keep the label.") % row.name)
    return redirect("annotation:use_cases", workspace.slug)


@workspace_page(*MANAGES, methods=("POST",))
def use_case_guess(request: HttpRequest, workspace: Workspace) -> HttpResponse:
    """Let the rules label every prompt that nobody has labelled."""
    try:
        edit = edit_prompts(
            workspace=workspace, by=request.user, kind="guess", prompts=PromptFilter()
        )
    except ValidationError as refused:
        messages.error(request, " ".join(refused.messages))
        return redirect("annotation:use_cases", workspace.slug)
    if edit.job:
        return redirect("workspace_job", workspace.slug, edit.job.pk)
    messages.success(request, _("The rules labelled %d prompts.") % edit.changed)
    return redirect("annotation:use_cases", workspace.slug)


def _use_cases(request: HttpRequest, workspace: Workspace, form: UseCaseForm) -> HttpResponse:
    mine = Q(owner=person_of(request)) | Q(shared=True)
    views = list(SavedView.objects.filter(mine, workspace=workspace))
    refused = ""
    try:
        ours = side_of(workspace, request.GET.get("ours") or "all", views)
        theirs = side_of(workspace, request.GET.get("theirs") or INSTRUCTGPT, views)
    except ValidationError as error:
        refused = " ".join(error.messages)
        ours = side_of(workspace, "all", views)
        theirs = side_of(workspace, INSTRUCTGPT, views)
    evaluation = mix_of(
        side_of(workspace, "users", views), side_of(workspace, "split:held_out", views)
    )
    mix = mix_of(ours, theirs)
    context = {
        "mix": mix,
        "rows": mix.rows(),
        "evaluation": evaluation,
        "choices": choices_of(workspace, views),
        "taxonomy": UseCase.objects.filter(workspace=workspace),
        "form": form,
        "refused": refused,
        "manages": role_of(workspace) in MANAGES,
    }
    status = 422 if form.errors or refused else 200
    return render(request, "prompts/use_cases.html", context, status=status)
