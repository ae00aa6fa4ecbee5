"""/api/v1/workspaces/<slug>/prompts/: browse, read, create and change prompts for programs."""

from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Count
from django.db.models.functions import Length
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from annotation.access import MANAGES, READS
from annotation.actions.create_prompt import ROLES, create_prompt
from annotation.actions.edit_prompts import edit_prompts
from annotation.actions.protect_prompts import protect_prompts
from annotation.actions.undo_edit import undo_edit
from annotation.fingerprints import near_prompts
from annotation.models import Prompt, PromptEdit, Split
from annotation.prompt_filter import PromptFilter
from annotation.protected_sets import SETS, sets_of
from webapp.api.endpoint import Endpoint, Strict
from webapp.api.filters import ALWAYS
from webapp.api.permissions import api_workspace
from webapp.workspaces.access import person_of

ANSWERS = 200  # of one prompt in its detail
_REPEATS = ("source", "tag", "use_case", "language", "split", "flag", "licence", "id")
_MEANT = {
    "q": "Words; “exact words”, -not, OR. Four letters or more also find longer words",
    "fuzzy": "1: words that are spelt nearly so too",
    "tag": "All of them",
    "use_case": "- for prompts without one; likewise source, language, licence",
    "answered_by": "A generator that wrote an answer",
    "in_campaign": "The id of a campaign",
    "judged": "yes or no",
    "agreement": "agreed or disputed: prompts whose answers people compared at least twice",
    "retired": "only or any; without it retired prompts are left out",
    "cluster": "The id of a cluster of duplicates",
    "import": "The id of an import that brought the prompt",
}
PARAMETERS = [
    OpenApiParameter(
        name,
        type=str,
        many=name in _REPEATS,
        description=_MEANT.get(name, ""),
        enum=Split.values if name == "split" else None,
    )
    for name in PromptFilter.PARAMETERS.values()
]


class MessageField(Strict):
    role = serializers.ChoiceField(ROLES)
    content = serializers.CharField(trim_whitespace=False, max_length=200_000)


class PromptRow(serializers.Serializer):
    id = serializers.IntegerField()
    messages = serializers.JSONField(help_text="A list of {role, content}")
    split = serializers.ChoiceField(Split.choices)
    language = serializers.CharField()
    use_case = serializers.CharField()
    tags = serializers.ListField(child=serializers.CharField())
    flags = serializers.ListField(child=serializers.CharField())
    source = serializers.CharField()  # type: ignore[assignment]  # a field, not its option
    source_id = serializers.CharField()
    licence = serializers.CharField()
    created_at = serializers.DateTimeField()
    retired_at = serializers.DateTimeField(allow_null=True)


class AnswerRow(serializers.Serializer):
    id = serializers.IntegerField()
    generator = serializers.CharField()
    text = serializers.CharField()
    has_text = serializers.BooleanField(help_text="false: an import named it without its text")
    retired_at = serializers.DateTimeField(allow_null=True)


class PromptDetail(PromptRow):
    metadata = serializers.JSONField()
    answers = AnswerRow(many=True, help_text="At most 200")
    answers_count = serializers.IntegerField()


class PromptBody(Strict):
    messages = MessageField(many=True)
    split = serializers.ChoiceField(Split.choices, default=Split.TRAIN)
    language = serializers.CharField(max_length=35, allow_blank=True, default="")
    use_case = serializers.CharField(max_length=60, allow_blank=True, default="")
    tags = serializers.ListField(child=serializers.CharField(max_length=60), default=list)
    source = serializers.CharField(  # type: ignore[assignment]  # a field, not its option
        max_length=200, allow_blank=True, default=""
    )
    licence = serializers.CharField(max_length=100, allow_blank=True, default="")


class EditBody(Strict):
    """Either `ids` or `filter`; an empty filter means every prompt in use."""

    kind = serializers.ChoiceField(PromptEdit.Kind.choices)
    value = serializers.CharField(max_length=60, allow_blank=True, default="")
    ids = serializers.ListField(child=serializers.IntegerField(min_value=1), required=False)
    filter = serializers.DictField(
        required=False,
        help_text="search, fuzzy, sources, tags, use_cases, languages, splits, flags, licences, "
        "generators, campaigns, shortest, longest, judged, agreement, retired, since, until, ids, "
        "clusters, imports",
    )


class EditRow(serializers.Serializer):
    id = serializers.IntegerField()
    kind = serializers.ChoiceField(PromptEdit.Kind.choices)
    value = serializers.CharField()
    filter = serializers.JSONField()
    changed = serializers.IntegerField(help_text="Prompts that were really changed")
    job = serializers.IntegerField(source="job_id", allow_null=True)
    created_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True, help_text="null: a job is at it")
    undone_at = serializers.DateTimeField(allow_null=True)


class NearBody(Strict):
    messages = MessageField(many=True)
    threshold = serializers.FloatField(min_value=0.5, max_value=1.0, default=0.7)


class NearRow(serializers.Serializer):
    id = serializers.IntegerField(source="prompt_id")
    jaccard = serializers.FloatField(help_text="Of the three-word runs, up to 1")


class NearRows(serializers.Serializer):
    results = NearRow(many=True, help_text="The nearest first, at most 20")


class SetRow(serializers.Serializer):
    kind = serializers.ChoiceField(tuple(SETS))
    id = serializers.IntegerField(source="pk")
    name = serializers.CharField()
    protects = serializers.BooleanField(help_text="Whether its prompts stay out of training")


class SetRows(serializers.Serializer):
    results = SetRow(many=True, help_text="Those that protect first")


class SetBody(Strict):
    kind = serializers.ChoiceField(tuple(SETS))
    id = serializers.IntegerField(min_value=1, max_value=2**63 - 1)
    protects = serializers.BooleanField()


class PromptsEndpoint(Endpoint):
    is_list = True
    serializer_class = PromptRow
    sorts = {"id": "pk", "length": "characters"}

    @extend_schema(summary="Prompts, by the filters of the browser", parameters=PARAMETERS)
    def get(self, request: Request, slug: str) -> Response:
        workspace = api_workspace(request, slug, *READS)
        allowed = [*PromptFilter.PARAMETERS.values(), "sort", *ALWAYS]
        for name in request.query_params:
            if name not in allowed:
                sentence = _("There is no such parameter. Allowed: %(allowed)s.")
                raise serializers.ValidationError(
                    {name: sentence % {"allowed": ", ".join(allowed)}}
                )
        wanted = PromptFilter.from_params(request.query_params)
        found = wanted.apply(Prompt.objects.filter(workspace=workspace))
        page = self.paginate_queryset(found.annotate(characters=Length("text")))
        return self.get_paginated_response(self.get_serializer(page, many=True).data)

    @extend_schema(
        summary="Store a prompt; 200 instead of 201 when it was there",
        request=PromptBody,
        responses={201: PromptRow, 200: PromptRow},
    )
    def post(self, request: Request, slug: str) -> Response:
        workspace = api_workspace(request, slug, *MANAGES)
        prompt, new = create_prompt(
            workspace=workspace, by=person_of(request), **self.wanted(PromptBody)
        )
        return self.one(prompt, status=201 if new else 200)


class PromptEndpoint(Endpoint):
    serializer_class = PromptDetail

    @extend_schema(summary="One prompt with its answers")
    def get(self, request: Request, slug: str, prompt: int) -> Response:
        workspace = api_workspace(request, slug, *READS)
        found = Prompt.objects.filter(workspace=workspace)
        row: Any = get_object_or_404(found.annotate(answers_count=Count("completions")), pk=prompt)
        row.answers = row.completions.order_by("pk")[:ANSWERS]
        return self.one(row)


class NearEndpoint(Endpoint):
    serializer_class = NearRows

    @extend_schema(
        summary="Stored prompts that a conversation nearly repeats",
        request=NearBody,
        responses=NearRows,
    )
    def post(self, request: Request, slug: str) -> Response:
        workspace = api_workspace(request, slug, *READS)
        wanted = self.wanted(NearBody)
        near = near_prompts(workspace.pk, wanted["messages"], threshold=wanted["threshold"])
        return self.one({"results": near})


class ProtectedEndpoint(Endpoint):
    serializer_class = SetRows

    @extend_schema(summary="Boards and campaigns, and whether their prompts stay out of training")
    def get(self, request: Request, slug: str) -> Response:
        workspace = api_workspace(request, slug, *READS)
        return self.one({"results": sets_of(workspace)})

    @extend_schema(
        summary="Keep the prompts of a board or a campaign out of training, or no longer",
        request=SetBody,
        responses=SetRows,
    )
    def post(self, request: Request, slug: str) -> Response:
        workspace = api_workspace(request, slug, *MANAGES)
        wanted = self.wanted(SetBody)
        protect_prompts(
            workspace=workspace,
            by=person_of(request),
            kind=wanted["kind"],
            pk=wanted["id"],
            protects=wanted["protects"],
        )
        return self.one({"results": sets_of(workspace)})


class EditsEndpoint(Endpoint):
    is_list = True
    serializer_class = EditRow

    @extend_schema(summary="Changes of many prompts")
    def get(self, request: Request, slug: str) -> Response:
        workspace = api_workspace(request, slug, *READS)
        return self.paged(PromptEdit.objects.filter(workspace=workspace))

    @extend_schema(
        summary="Tag, untag, label, split, retire or restore prompts",
        description="More than 500 prompts are changed by a job: `finished_at` is null then.",
        request=EditBody,
        responses={201: EditRow},
    )
    def post(self, request: Request, slug: str) -> Response:
        workspace = api_workspace(request, slug, *MANAGES)
        wanted = self.wanted(EditBody)
        if ("ids" in wanted) == ("filter" in wanted):
            raise ValidationError({"ids": [_("Give either ids or a filter.")]})
        if "ids" in wanted:
            prompts = PromptFilter.from_json({"ids": wanted["ids"], "retired": "any"})
            if not prompts.ids:
                raise ValidationError({"ids": [_("Give at least one id.")]})
        else:
            prompts = PromptFilter.from_json(wanted["filter"])
        edit = edit_prompts(
            workspace=workspace,
            by=person_of(request),
            kind=wanted["kind"],
            value=wanted["value"],
            prompts=prompts,
        )
        return self.one(edit, status=201)


class EditEndpoint(Endpoint):
    serializer_class = EditRow

    @extend_schema(summary="One change: how far it is, and whether it was undone")
    def get(self, request: Request, slug: str, edit: int) -> Response:
        workspace = api_workspace(request, slug, *READS)
        return self.one(get_object_or_404(PromptEdit, workspace=workspace, pk=edit))


class EditUndoEndpoint(Endpoint):
    serializer_class = EditRow

    @extend_schema(summary="Undo a change", request=None, responses=EditRow)
    def post(self, request: Request, slug: str, edit: int) -> Response:
        workspace = api_workspace(request, slug, *MANAGES)
        row = get_object_or_404(PromptEdit, workspace=workspace, pk=edit)
        return self.one(undo_edit(edit=row, by=person_of(request)))
