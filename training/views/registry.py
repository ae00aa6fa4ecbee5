"""The registry: list, import, one model with its lineage, download, deletion."""

import io
import zipfile
from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    StreamingHttpResponse,
)
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _

from training.access import MANAGES, READS
from training.actions.change_model import change_model, consequences, delete_model
from training.actions.endpoint import endpoint_of_version
from training.actions.import_model import import_from_hub, import_uploaded
from training.actions.merge_adapter import merge_adapter
from training.actions.push_model import consequences_of_pushing, push_model
from training.forms import ImportModelForm, MergeForm, ModelForm, PushForm
from training.held_out.queries import alarms_of, has_answers
from training.judges import in_words, judged_for
from training.lineage import lineage_of
from training.models import HubPush, ModelKind, ModelVersion, Stage, TrainingRun, VersionState
from training.run_queries import models_in
from webapp import artifacts
from webapp.artifacts import Artifact, download
from webapp.jobs.queries import Outlook
from webapp.workspaces.access import workspace_page
from webapp.workspaces.models import Role, Workspace

A_PAGE = 40
STOP_POLLING = 286


@workspace_page(*READS)
def model_list(request: HttpRequest, workspace: Workspace) -> HttpResponse:
    found = models_in(workspace)
    kind, stage = request.GET.get("kind", ""), request.GET.get("stage", "")
    query = request.GET.get("q", "").strip()
    found = found.filter(kind=kind) if kind in ModelKind.values else found
    found = found.filter(stage=stage) if stage in Stage.values else found
    found = found.filter(name__icontains=query) if query else found
    deleted = request.GET.get("deleted") == "yes"
    found = found if deleted else found.exclude(state=VersionState.DELETED)
    context = {
        "shown": Paginator(found, A_PAGE).get_page(request.GET.get("page")),
        "kinds": ModelKind.choices,
        "stages": Stage.choices,
        "kind": kind,
        "stage": stage,
        "query": query,
        "deleted": deleted,
        "narrowed": bool(kind or stage or query),
        "manages": _manages(workspace),
    }
    return render(request, "training/models.html", context)


@workspace_page(*MANAGES, methods=("GET", "POST"))
def model_import(request: HttpRequest, workspace: Workspace) -> HttpResponse:
    form = ImportModelForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        common = {"workspace": workspace, "by": request.user, "name": given["name"]}
        try:
            if given["repository"]:
                version = import_from_hub(
                    **common,
                    repository=given["repository"],
                    revision=given["revision"],
                    licence=given["licence"],
                )
            else:
                files = given["folder"] or given["archive"]
                version = import_uploaded(**common, files=files, licence=given["licence"])
        except ValidationError as refused:
            form.add_error(None, refused)
        else:
            return redirect("training:model", workspace.slug, version.pk)
    return render(request, "training/model_import.html", {"form": form})


@workspace_page(*READS)
def model_page(request: HttpRequest, workspace: Workspace, model: int) -> HttpResponse:
    version = _version(workspace, model)
    if request.headers.get("HX-Request"):
        over = version.job is None or version.job.is_finished
        response = render(request, "training/_import_state.html", _import_state(version))
        if version.ready and over:
            response["HX-Refresh"] = "true"  # the whole page is another one now
        response.status_code = STOP_POLLING if over else 200
        return response
    lineage = lineage_of(version)
    context = {
        **_import_state(version),
        "lineage": lineage,
        "picture": lineage.picture(),
        "form": ModelForm.of(version),
        "manages": _manages(workspace),
        "judged": in_words(judged_for(version)),
        "merge_form": MergeForm(version) if version.kind == ModelKind.ADAPTER else None,
        "pushes": HubPush.objects.filter(version=version).select_related("job", "created_by"),
        "alarms": alarms_of([version.run] if version.run else []),
        "measurable": version.run is not None and has_answers(version.run),
        "before": _run_before(version),
        "others": models_in(workspace).filter(name=version.name).exclude(pk=version.pk)[:20],
    }
    return render(request, "training/model.html", context)


@workspace_page(*MANAGES, methods=("POST",))
def model_change(request: HttpRequest, workspace: Workspace, model: int) -> HttpResponse:
    version = _version(workspace, model)
    form = ModelForm.of(version, request.POST)
    try:
        if not form.is_valid():
            raise ValidationError([str(e) for errors in form.errors.values() for e in errors])
        change_model(version=version, by=request.user, **form.cleaned_data)
        messages.success(request, _("Saved."))
    except ValidationError as refused:
        messages.error(request, " ".join(refused.messages))
    return redirect("training:model", workspace.slug, version.pk)


@workspace_page(*MANAGES, methods=("POST",))
def model_merge(request: HttpRequest, workspace: Workspace, model: int) -> HttpResponse:
    """To the whole model that is made of this adapter."""
    version = _version(workspace, model)
    form = MergeForm(version, request.POST)
    try:
        if not form.is_valid():
            raise ValidationError([str(e) for errors in form.errors.values() for e in errors])
        made = merge_adapter(adapter=version, by=request.user, **form.cleaned_data)
    except ValidationError as refused:
        messages.error(request, " ".join(refused.messages))
        return redirect("training:model", workspace.slug, version.pk)
    messages.success(request, _("%(model)s is being made.") % {"model": made})
    return redirect("training:model", workspace.slug, made.pk)


@workspace_page(*MANAGES, methods=("POST",))
def model_ask(request: HttpRequest, workspace: Workspace, model: int) -> HttpResponse:
    """To the playground with this model, which can be asked from now on."""
    version = _version(workspace, model)
    try:
        endpoint = endpoint_of_version(version=version, by=request.user)
    except ValidationError as refused:
        messages.error(request, " ".join(refused.messages))
        return redirect("training:model", workspace.slug, version.pk)
    address = reverse("training:playground", args=[workspace.slug])
    return redirect(f"{address}?model={endpoint.pk}")


@workspace_page(*MANAGES, methods=("GET", "POST"))
def model_delete(request: HttpRequest, workspace: Workspace, model: int) -> HttpResponse:
    version = _version(workspace, model)
    back = reverse("training:model", args=[workspace.slug, version.pk])
    if request.method == "POST":
        try:
            delete_model(version=version, by=request.user)
            messages.success(request, _("The files of %(model)s are deleted.") % {"model": version})
        except ValidationError as refused:
            messages.error(request, " ".join(refused.messages))
        return redirect(back)
    context = {
        "question": _("Delete the files of %(model)s?") % {"model": version},
        "sentence": _("This cannot be undone. The entry stays, for what descends from it."),
        "takes": consequences(version),
        "submit": _("Delete the files"),
        "cancel": back,
    }
    return render(request, "elements/confirm.html", context)


@workspace_page(*MANAGES, methods=("GET", "POST"))
def model_push(request: HttpRequest, workspace: Workspace, model: int) -> HttpResponse:
    version = _version(workspace, model)
    form = PushForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        try:
            push_model(
                version=version,
                by=request.user,
                repository=given["repository"],
                token=given["token"],
                private=not given["public"],
            )
        except ValidationError as refused:
            form.add_error(None, refused)
        else:
            messages.success(request, _("%(model)s is being pushed.") % {"model": version})
            return redirect("training:model", workspace.slug, version.pk)
    context = {
        "version": version,
        "form": form,
        "takes": consequences_of_pushing(version),
        "hub": settings.HUB_URL,
    }
    return render(request, "training/model_push.html", context, status=422 if form.errors else 200)


@workspace_page(*READS)
def model_file(
    request: HttpRequest, workspace: Workspace, model: int, position: int
) -> HttpResponseBase:
    version = _version(workspace, model)
    if not version.ready or position >= len(version.manifest):
        raise Http404(_("This model has no such file."))
    entry = version.manifest[position]
    path = artifacts.safe_join(version.place, entry["file"])
    try:
        return download(
            Artifact(
                path, entry["file"], entry["size"], entry["sha256"], "application/octet-stream"
            )
        )
    except FileNotFoundError:
        raise Http404(_("The file is missing from the store.")) from None


@workspace_page(*READS)
def model_archive(request: HttpRequest, workspace: Workspace, model: int) -> HttpResponseBase:
    """All files as one zip, made while it is sent; weights are stored as they are."""
    version = _version(workspace, model)
    if not version.ready:
        raise Http404(_("This model has no files."))
    response = StreamingHttpResponse(_zipped(version), content_type="application/zip")
    name = f"{version.name}-v{version.version}.zip"
    response["Content-Disposition"] = content_disposition_header(True, name) or "attachment"
    response["Cache-Control"] = "private, no-store"
    return response


class _Pipe(io.RawIOBase):
    """What a zip writes, until it is taken away."""

    def __init__(self) -> None:
        self.parts: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self.parts.append(bytes(data))
        return len(data)

    def take(self) -> bytes:
        taken, self.parts = b"".join(self.parts), []
        return taken


def _zipped(version: ModelVersion) -> Iterator[bytes]:
    pipe = _Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_STORED) as archive:
        for entry in version.manifest:
            with archive.open(f"{version.name}/{entry['file']}", "w", force_zip64=True) as file:
                path = artifacts.safe_join(version.place, entry["file"])
                for data in artifacts.chunks(path):
                    file.write(data)
                    yield pipe.take()
    yield pipe.take()


def _run_before(version: ModelVersion) -> TrainingRun | None:
    """The run that made the model which this one's run began from: its settings differ how?"""
    if version.run_id is None:
        return None
    return TrainingRun.objects.filter(
        versions__offspring__child=version, versions__offspring__role="base"
    ).first()


def _version(workspace: Workspace, pk: int) -> ModelVersion:
    found: QuerySet[ModelVersion] = models_in(workspace)
    return get_object_or_404(found, pk=pk)


def _import_state(version: ModelVersion) -> dict[str, Any]:
    job = version.job
    waits = Outlook().reason(job) if job is not None and not job.is_finished else ""
    return {"version": version, "job": job, "reason": waits}


def _manages(workspace: Workspace) -> bool:
    return getattr(workspace, "role", "") == Role.MANAGER and workspace.archived_at is None
