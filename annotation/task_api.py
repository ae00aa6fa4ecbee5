"""/api/v1/workspaces/<slug>/tasks/: tasks of Natural Instructions, kept, rendered, made into
prompts with answers."""

from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from annotation.access import MANAGES
from annotation.actions.edit_task import (
    LONGEST_NAME,
    MOST_SHOTS,
    begin_task,
    check_parts,
    delete_task,
    make_instructions,
    save_task,
)
from annotation.domain.conversion.instruction_task import PARTS, InstructionTask, task_from
from annotation.import_api import ImportRow
from annotation.models import InstructionTask as Row
from annotation.queries import imports_in
from webapp.api.endpoint import Endpoint, Strict
from webapp.api.permissions import api_workspace
from webapp.workspaces.access import person_of
from webapp.workspaces.models import Workspace

RENDERED = 3  # instances, where no input is given
TASK_HELP = "As Natural Instructions has it, v1 or v2: Definition, Positive Examples, Instances ..."


class InstructionTaskRow(serializers.Serializer):
    id = serializers.IntegerField()
    name = serializers.CharField()
    licence = serializers.CharField()
    by = serializers.CharField(source="created_by.email", default=None, allow_null=True)
    created_at = serializers.DateTimeField()
    changed_at = serializers.DateTimeField()


class OneInstructionTask(InstructionTaskRow):
    parts = serializers.ListField(child=serializers.CharField(), help_text="Those written")
    shots = serializers.IntegerField(help_text="Examples of each side, at most")
    task = serializers.DictField(source="content", help_text="In Super-NaturalInstructions' layout")


class RenderingBody(Strict):
    parts = serializers.ListField(
        child=serializers.CharField(), required=False, help_text=", ".join(PARTS)
    )
    shots = serializers.IntegerField(required=False, min_value=0, max_value=MOST_SHOTS)


class ChangeTaskBody(RenderingBody):
    task = serializers.DictField(required=False, help_text=TASK_HELP)


class NewTaskBody(ChangeTaskBody):
    name = serializers.CharField(max_length=LONGEST_NAME)
    licence = serializers.CharField(required=False, max_length=100, allow_blank=True)


class RenderTaskBody(RenderingBody):
    input = serializers.CharField(
        required=False, max_length=20_000, help_text="Else the first instances are rendered"
    )


class RenderedInstance(serializers.Serializer):
    prompt = serializers.CharField()
    outputs = serializers.ListField(child=serializers.CharField())


class RenderedTask(serializers.Serializer):
    rendered = RenderedInstance(many=True)


class TasksEndpoint(Endpoint):
    is_list = True
    serializer_class = InstructionTaskRow

    @extend_schema(summary="Tasks by name", operation_id="api_tasks_list")
    def get(self, request: Request, slug: str) -> Response:
        workspace = api_workspace(request, slug, *MANAGES)
        rows = Row.objects.filter(workspace=workspace).select_related("created_by")
        return self.paged(rows.defer("content").order_by("name"))

    @extend_schema(
        summary="Bring a task, or begin one",
        request=NewTaskBody,
        responses={201: OneInstructionTask},
    )
    def post(self, request: Request, slug: str) -> Response:
        workspace = api_workspace(request, slug, *MANAGES)
        given = self.wanted(NewTaskBody)
        content = _content(given["task"]) if "task" in given else InstructionTask()
        with transaction.atomic():
            row = begin_task(
                workspace=workspace,
                by=person_of(request),
                name=given["name"],
                content=content,
                licence=given.get("licence", ""),
            )
            row = _saved(row, person_of(request), content, given)
        self.serializer_class = OneInstructionTask
        return self.one(row, status=201)


class TaskEndpoint(Endpoint):
    serializer_class = OneInstructionTask

    @extend_schema(summary="One task, whole")
    def get(self, request: Request, slug: str, task: int) -> Response:
        return self.one(_task(api_workspace(request, slug, *MANAGES), task))

    @extend_schema(summary="Change its texts, or how it is rendered", request=ChangeTaskBody)
    def patch(self, request: Request, slug: str, task: int) -> Response:
        row = _task(api_workspace(request, slug, *MANAGES), task)
        given = self.wanted(ChangeTaskBody)
        content = _content(given.get("task", row.content))
        return self.one(_saved(row, person_of(request), content, given))

    @extend_schema(summary="Delete it; prompts made of it stay", responses={204: None})
    def delete(self, request: Request, slug: str, task: int) -> Response:
        row = _task(api_workspace(request, slug, *MANAGES), task)
        delete_task(row=row, by=person_of(request))
        return Response(status=204)


class RenderTaskEndpoint(Endpoint):
    serializer_class = RenderedTask

    @extend_schema(
        summary="The task as it would be asked; nothing is kept",
        request=RenderTaskBody,
        responses={200: RenderedTask},
    )
    def post(self, request: Request, slug: str, task: int) -> Response:
        row = _task(api_workspace(request, slug, *MANAGES), task)
        given = self.wanted(RenderTaskBody)
        content = _content(row.content)
        parts, shots = given.get("parts", row.parts), given.get("shots", row.shots)
        check_parts(parts)
        if "input" in given:
            asked: list[tuple[str, tuple[str, ...]]] = [(given["input"], ())]
        else:
            asked = [(each.input, each.outputs) for each in content.instances[:RENDERED]]
        rendered = [
            {"prompt": content.render(question, parts, shots), "outputs": outputs}
            for question, outputs in asked
        ]
        return self.one({"rendered": rendered})


class TaskPromptsEndpoint(Endpoint):
    serializer_class = ImportRow

    @extend_schema(
        summary="Its instances as prompts with answers: a file on its way in, looked through now",
        description="Start the import that comes back when its dry run is as wanted.",
        request=None,
        responses={201: ImportRow},
    )
    def post(self, request: Request, slug: str, task: int) -> Response:
        workspace = api_workspace(request, slug, *MANAGES)
        row = _task(workspace, task)
        made = make_instructions(row=row, by=person_of(request), content=_content(row.content))
        return self.one(get_object_or_404(imports_in(workspace), pk=made.pk), status=201)


def _content(given: Any) -> InstructionTask:
    try:
        return task_from(given)
    except ValueError as wrong:
        raise ValidationError({"task": str(wrong)}) from None


def _saved(row: Row, by: Any, content: InstructionTask, given: dict[str, Any]) -> Row:
    parts, shots = given.get("parts", row.parts), given.get("shots", row.shots)
    return save_task(row=row, by=by, content=content, parts=parts, shots=shots)


def _task(workspace: Workspace, pk: int) -> Row:
    return get_object_or_404(Row.objects.select_related("created_by"), workspace=workspace, pk=pk)
