"""Jobs over REST: look, cancel, start again."""

from typing import Any

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from webapp.api.endpoint import Endpoint
from webapp.api.filters import Filter
from webapp.api.permissions import SiteAdmin, TokenScope, api_workspace
from webapp.jobs.actions.cancel import cancel
from webapp.jobs.actions.retry import retry
from webapp.jobs.models import Job, Queue, State
from webapp.jobs.queries import Outlook, all_jobs, jobs_in
from webapp.workspaces.access import person_of
from webapp.workspaces.models import Role

READERS = (Role.MANAGER, Role.VIEWER)


class JobRow(serializers.Serializer):
    id = serializers.IntegerField()
    kind = serializers.CharField()
    queue = serializers.ChoiceField(Queue.choices)
    state = serializers.ChoiceField(State.choices)
    workspace = serializers.CharField(
        source="workspace.slug", default=None, allow_null=True, help_text="null: the site"
    )
    owner = serializers.CharField(
        source="owner.email", default=None, allow_null=True, help_text="null: the system itself"
    )
    done = serializers.IntegerField()
    total = serializers.IntegerField(allow_null=True, help_text="null: not known (yet)")
    message = serializers.CharField()
    attempt = serializers.IntegerField()
    max_attempts = serializers.IntegerField()
    error = serializers.CharField(help_text="Why it failed, or why the last attempt did")
    result: Any = serializers.JSONField()
    request_id = serializers.CharField(help_text="The request that caused it")
    created_at = serializers.DateTimeField()
    started_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)


class OneJob(JobRow):
    waits_because = serializers.SerializerMethodField(
        help_text="Why it does not move; empty when it does"
    )

    def get_waits_because(self, job: Job) -> str:
        return Outlook().reason(job)


FILTERS = {
    "state": Filter("state", choices=State.values),
    "queue": Filter("queue", choices=Queue.values),
    "kind": Filter("kind", help="such as audit export"),
}


class JobsEndpoint(Endpoint):
    is_list = True
    serializer_class = JobRow
    filters = FILTERS

    @extend_schema(summary="Jobs of a workspace, newest first")
    def get(self, request: Request, slug: str) -> Response:
        return self.paged(jobs_in(api_workspace(request, slug, *READERS)))


class JobEndpoint(Endpoint):
    serializer_class = OneJob

    @extend_schema(summary="One job, with its progress")
    def get(self, request: Request, slug: str, job: int) -> Response:
        return self.one(get_object_or_404(jobs_in(api_workspace(request, slug, *READERS)), pk=job))


class JobCancelEndpoint(Endpoint):
    serializer_class = OneJob

    @extend_schema(summary="Cancel a job", request=None)
    def post(self, request: Request, slug: str, job: int) -> Response:
        workspace = api_workspace(request, slug, Role.MANAGER)
        found = get_object_or_404(jobs_in(workspace), pk=job)
        return self.one(cancel(job=found, by=person_of(request)))


class JobRetryEndpoint(Endpoint):
    serializer_class = OneJob

    @extend_schema(summary="Start a failed or cancelled job again", request=None)
    def post(self, request: Request, slug: str, job: int) -> Response:
        workspace = api_workspace(request, slug, Role.MANAGER)
        found = get_object_or_404(jobs_in(workspace), pk=job)
        return self.one(retry(job=found, by=person_of(request)))


class SiteJobsEndpoint(Endpoint):
    is_list = True
    serializer_class = JobRow
    filters = FILTERS
    permission_classes = [IsAuthenticated, TokenScope, SiteAdmin]

    @extend_schema(summary="All jobs of this installation, newest first")
    def get(self, request: Request) -> Response:
        return self.paged(all_jobs())
