"""Jobs of a workspace, jobs of the site, workers. A page and its polled part are one view."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _

from webapp.artifacts import Artifact, download
from webapp.jobs.actions.cancel import cancel
from webapp.jobs.actions.enqueue import enqueue
from webapp.jobs.actions.retry import retry
from webapp.jobs.forms import FindJobsForm
from webapp.jobs.kinds import kind_named, label_of
from webapp.jobs.models import Job, Queue, State, Worker
from webapp.jobs.queries import Outlook, all_jobs, jobs_in, last_done, workers_with_jobs
from webapp.workspaces.access import page, workspace_page
from webapp.workspaces.models import Role, Workspace

A_PAGE = 30
STOP_POLLING = 286
READERS = (Role.MANAGER, Role.VIEWER)
SITE_KINDS = ("doctor", "gpu probe")  # what a site admin may start by a button


@workspace_page(*READERS)
def workspace_jobs(request: HttpRequest, workspace: Workspace) -> HttpResponse:
    return _list(request, workspace)


@workspace_page(*READERS)
def workspace_job(request: HttpRequest, workspace: Workspace, job: int) -> HttpResponse:
    return _detail(request, get_object_or_404(jobs_in(workspace), pk=job), workspace)


@workspace_page(Role.MANAGER, methods=("POST",))
def workspace_job_cancel(request: HttpRequest, workspace: Workspace, job: int) -> HttpResponse:
    return _act(request, cancel, get_object_or_404(jobs_in(workspace), pk=job), workspace)


@workspace_page(Role.MANAGER, methods=("POST",))
def workspace_job_retry(request: HttpRequest, workspace: Workspace, job: int) -> HttpResponse:
    return _act(request, retry, get_object_or_404(jobs_in(workspace), pk=job), workspace)


@workspace_page(Role.MANAGER)
def workspace_job_download(
    request: HttpRequest, workspace: Workspace, job: int
) -> HttpResponseBase:
    return _download(get_object_or_404(jobs_in(workspace), pk=job))


@page(site_admin=True)
def site_jobs(request: HttpRequest) -> HttpResponse:
    return _list(request, None)


@page(site_admin=True)
def site_job(request: HttpRequest, job: int) -> HttpResponse:
    return _detail(request, get_object_or_404(all_jobs(), pk=job), None)


@page(site_admin=True, methods=("POST",))
def site_job_cancel(request: HttpRequest, job: int) -> HttpResponse:
    return _act(request, cancel, get_object_or_404(all_jobs(), pk=job), None)


@page(site_admin=True, methods=("POST",))
def site_job_retry(request: HttpRequest, job: int) -> HttpResponse:
    return _act(request, retry, get_object_or_404(all_jobs(), pk=job), None)


@page(site_admin=True)
def site_job_download(request: HttpRequest, job: int) -> HttpResponseBase:
    return _download(get_object_or_404(all_jobs(), pk=job))


@page(site_admin=True, methods=("POST",))
def site_job_start(request: HttpRequest) -> HttpResponse:
    kind = request.POST.get("kind", "")
    if kind not in SITE_KINDS or kind_named(kind) is None:
        messages.error(
            request,
            _("There is no such job to start. Allowed: %(kinds)s.")
            % {"kinds": ", ".join(SITE_KINDS)},
        )
        return redirect("site_jobs")
    return redirect("site_job", enqueue(kind=kind, owner=request.user).pk)


@page(site_admin=True)
def site_workers(request: HttpRequest) -> HttpResponse:
    outlook = Outlook()
    absent = {}
    for duty, label in Worker.DUTIES:
        seconds = outlook.no_worker_for(duty, outlook.now)
        if seconds is not None:
            absent[duty] = {"label": label, "seconds": seconds, "seen": duty in outlook.last_seen}
    context = {
        "workers": workers_with_jobs(outlook),
        "absent": absent,
        "gpu_queue": Queue.GPU,
        "probe": last_done("gpu probe"),
    }
    template = "jobs/_workers.html" if request.headers.get("HX-Request") else "jobs/workers.html"
    return render(request, template, context)


# ---- what workspace and site share


def _list(request: HttpRequest, workspace: Workspace | None) -> HttpResponse:
    jobs = jobs_in(workspace) if workspace else all_jobs()
    form = FindJobsForm(request.GET or None, jobs)
    shown = Paginator(form.narrow(jobs), A_PAGE).get_page(request.GET.get("page"))
    outlook = Outlook()
    rows = [_row(job, outlook, workspace) for job in shown]
    context = {
        "workspace": workspace,
        "form": form,
        "narrowed": form.is_bound and any(request.GET.get(name) for name in form.fields),
        "shown": shown,
        "rows": rows,
        "start": SITE_KINDS,
    }
    if request.headers.get("HX-Request"):
        over = all(job.is_finished for job in shown)
        return render(request, "jobs/_list.html", context, status=STOP_POLLING if over else 200)
    return render(request, "jobs/list.html", context)


def _detail(request: HttpRequest, job: Job, workspace: Workspace | None) -> HttpResponse:
    kind = kind_named(job.kind)
    may_act = workspace is None or getattr(workspace, "role", "") == Role.MANAGER
    context = {
        "workspace": workspace,
        **_row(job, Outlook(), workspace),
        "subject": kind.page(job) if kind and kind.page else None,
        "resumable": kind is not None and kind.resumable,
        "may_cancel": may_act and not job.is_finished and not job.is_stopping,
        "may_retry": may_act and kind is not None and job.state in (State.FAILED, State.CANCELLED),
        "may_download": may_act and "artifact" in job.result,
        "results": {k: v for k, v in job.result.items() if k != "artifact"},
        "cancel_url": _url("job_cancel", job, workspace),
        "retry_url": _url("job_retry", job, workspace),
        "download_url": _url("job_download", job, workspace),
    }
    if request.headers.get("HX-Request"):
        status = STOP_POLLING if job.is_finished else 200
        return render(request, "jobs/_job.html", context, status=status)
    return render(request, "jobs/job.html", context)


def _row(job: Job, outlook: Outlook, workspace: Workspace | None) -> dict[str, Any]:
    return {
        "job": job,
        "label": label_of(job.kind),
        "reason": outlook.reason(job),
        "url": _url("job", job, workspace),
    }


def _url(name: str, job: Job, workspace: Workspace | None) -> str:
    if workspace is None:
        return reverse(f"site_{name}", args=[job.pk])
    return reverse(f"workspace_{name}", args=[workspace.slug, job.pk])


def _act(request: HttpRequest, act: Any, job: Job, workspace: Workspace | None) -> HttpResponse:
    try:
        act(job=job, by=request.user)
    except ValidationError as refused:
        messages.error(request, " ".join(refused.messages))
    return redirect(_url("job", job, workspace))


def _download(job: Job) -> HttpResponseBase:
    if "artifact" not in job.result:
        raise Http404(_("This job has no file."))
    try:
        return download(Artifact(**job.result["artifact"]))
    except FileNotFoundError:
        raise Http404(_("The file of this job was removed. Run the job again.")) from None
