"""/api/v1/workspaces/<slug>/imports/: files for programs, with the defaults of the command line."""

import hashlib
import tempfile
from collections.abc import Iterator, Mapping
from typing import IO, Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.http import Http404
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import APIException
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response

from annotation.access import MANAGES, READS
from annotation.actions.start_import import check_import, start_import
from annotation.actions.undo_import import discard_import, undo_import
from annotation.actions.upload_import import TooLarge, upload_import
from annotation.imports.formats.registry import BY_NAME
from annotation.imports.formats.rows import CHOICES, ROLES
from annotation.models import Import, ImportState, Split
from annotation.queries import imports_in
from webapp.api.endpoint import Endpoint, Strict
from webapp.api.filters import Filter
from webapp.api.parsers import CleanJSONParser
from webapp.api.permissions import api_workspace
from webapp.artifacts import CHUNK, Artifact, download
from webapp.workspaces.access import person_of
from webapp.workspaces.models import Workspace


class Sent(dict[str, Any]):
    """An uploaded body: its size and hash as data (an Idempotency-Key compares them), and a file
    that holds the bytes."""

    def __init__(self, file: IO[bytes], size: int, sha256: str) -> None:
        super().__init__(size=size, sha256=sha256)
        self.file = file

    def chunks(self) -> Iterator[bytes]:
        self.file.seek(0)
        while data := self.file.read(CHUNK):
            yield data


class FileParser(BaseParser):
    """The body is the file itself, whatever it holds; it goes to the disk as it comes."""

    media_type = "application/octet-stream"

    def parse(
        self,
        stream: IO[bytes],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Sent:
        file = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the request
        digest, size = hashlib.sha256(), 0
        while data := stream.read(CHUNK):
            size += len(data)
            if size > settings.UPLOAD_MAX_BYTES:
                raise PayloadTooLarge
            digest.update(data)
            file.write(data)
        return Sent(file, size, digest.hexdigest())


class PayloadTooLarge(APIException):
    """413 with the sentence of the page."""

    status_code = 413

    def __init__(self) -> None:
        super().__init__(" ".join(TooLarge().messages))


class PlanBody(Strict):
    """Every option has the default of the command line. Maps go from the file's word to ours."""

    format = serializers.ChoiceField(
        sorted(BY_NAME), required=False, help_text="Recognised when it is not given"
    )
    # DRF takes declared fields off the class, so that this is none of its own attributes.
    source = serializers.CharField(required=False, max_length=200)  # type: ignore[assignment]
    licence = serializers.CharField(required=False, max_length=100)
    columns = serializers.DictField(
        child=serializers.CharField(), required=False, help_text="Our field to the file's column"
    )
    roles = serializers.DictField(
        child=serializers.CharField(), required=False, help_text=f"To {', '.join(ROLES)}"
    )
    labels = serializers.DictField(
        child=serializers.CharField(), required=False, help_text=f"To {', '.join(CHOICES)}"
    )
    languages = serializers.DictField(
        child=serializers.CharField(), required=False, help_text="To BCP 47"
    )
    html = serializers.BooleanField(
        required=False, allow_null=True, help_text="null: told from the text"
    )
    rank_best = serializers.ChoiceField(["lowest", "highest"], required=False)
    judged_by = serializers.ChoiceField(["human", "judge"], required=False)
    all_or_nothing = serializers.BooleanField(
        required=False, help_text="One refused row keeps all others out"
    )
    mask = serializers.BooleanField(required=False, help_text="Mask personal data")
    delimiter = serializers.CharField(required=False, max_length=1, trim_whitespace=False)
    header = serializers.BooleanField(required=False, help_text="false: the table has none")
    split = serializers.ChoiceField(Split.choices, required=False)
    tags = serializers.ListField(child=serializers.CharField(max_length=60), required=False)
    use_case = serializers.CharField(required=False, max_length=60)
    clean = serializers.BooleanField(required=False, help_text="Clean scraped conversations")
    drop_repeated_digits = serializers.BooleanField(required=False)
    drop_restarted_lists = serializers.BooleanField(required=False)
    special_tokens = serializers.ListField(child=serializers.CharField(), required=False)
    keep_languages = serializers.ListField(child=serializers.CharField(), required=False)
    skip_languages = serializers.ListField(child=serializers.CharField(), required=False)
    split_tokens = serializers.IntegerField(
        required=False, help_text="Split longer conversations; 0: none"
    )
    conversion = serializers.DictField(
        required=False,
        help_text="Of the format labelled, a recipe: templates [{name, input, target, syntax, "
        "choices}], task, columns, answers (label to word), label_field, with_options, each_row "
        "(one or all), seed. docs/conversion.md",
    )


class UploadBody(Strict):
    """A small file as text; send large ones as application/octet-stream with ?name=."""

    name = serializers.CharField(max_length=200)
    text = serializers.CharField(trim_whitespace=False)


class RefusedRow(serializers.Serializer):
    line = serializers.IntegerField()
    offset = serializers.IntegerField(help_text="Bytes of the file before it")
    path = serializers.CharField(help_text="Of the field in the record")
    reason = serializers.CharField()


class ReportRow(serializers.Serializer):
    """rows = imported + duplicates + refused_rows. `refused` holds the first of them."""

    format = serializers.CharField()
    variant = serializers.CharField()
    container = serializers.CharField()
    compression = serializers.CharField()
    rows = serializers.IntegerField()
    imported = serializers.IntegerField(help_text="Of a dry run: what would be imported")
    duplicates = serializers.IntegerField()
    fixed = serializers.IntegerField()
    refused_rows = serializers.IntegerField()
    withheld = serializers.IntegerField(help_text="Good rows kept out with the refused ones")
    stored = serializers.BooleanField()
    refused = RefusedRow(many=True)
    reasons = serializers.DictField(child=serializers.IntegerField())
    fixes = serializers.DictField(child=serializers.IntegerField())
    personal_data = serializers.DictField(child=serializers.IntegerField(), required=False)
    tables = serializers.DictField(child=serializers.IntegerField())
    first_rows: Any = serializers.JSONField()
    samples: Any = serializers.JSONField(help_text="Changed rows, before and after")
    columns = serializers.ListField(child=serializers.CharField())
    broken = serializers.CharField(help_text="Why the file cannot be read to its end")


class ImportJobRow(serializers.Serializer):
    id = serializers.IntegerField()
    kind = serializers.CharField()
    state = serializers.CharField()
    done = serializers.IntegerField()
    total = serializers.IntegerField(allow_null=True)
    error = serializers.CharField()


class ImportRow(serializers.Serializer):
    id = serializers.IntegerField()
    name = serializers.CharField()
    size = serializers.IntegerField()
    sha256 = serializers.CharField()
    state = serializers.ChoiceField(ImportState.choices)
    format = serializers.CharField()
    licence = serializers.CharField()
    by = serializers.CharField(
        source="created_by.email", default=None, allow_null=True, help_text="null: command line"
    )
    created_at = serializers.DateTimeField()
    imported_at = serializers.DateTimeField(allow_null=True)
    undone_at = serializers.DateTimeField(allow_null=True)
    job = ImportJobRow(allow_null=True, help_text="What was done last; cancel it as a job")


class OneImport(ImportRow):
    plan: Any = serializers.JSONField(help_text="Options that are not the default")
    dry_run = serializers.SerializerMethodField()
    report = serializers.SerializerMethodField()

    @extend_schema_field(ReportRow(allow_null=True))
    def get_dry_run(self, row: Import) -> Any:
        return ReportRow(row.check_report).data if row.check_report else None

    @extend_schema_field(ReportRow(allow_null=True))
    def get_report(self, row: Import) -> Any:
        return ReportRow(row.report).data if row.report else None


class ImportsEndpoint(Endpoint):
    is_list = True
    serializer_class = ImportRow
    parser_classes = [CleanJSONParser, FileParser]
    filters = {
        "state": Filter("state", choices=ImportState.values),
        "sha256": Filter("sha256", help="of the file's bytes, hexadecimal"),
    }

    @extend_schema(summary="Files that came in, newest first")
    def get(self, request: Request, slug: str) -> Response:
        return self.paged(imports_in(api_workspace(request, slug, *READS)))

    @extend_schema(
        summary="Upload a file; nothing is imported yet",
        request={"application/json": UploadBody, "application/octet-stream": OpenApiTypes.BINARY},
        parameters=[OpenApiParameter("name", str, description="The file's name, for octet-stream")],
        responses={201: ImportRow},
    )
    def post(self, request: Request, slug: str) -> Response:
        workspace = api_workspace(request, slug, *MANAGES)
        sent = request.data
        if isinstance(sent, Sent):
            name = request.query_params.get("name", "").strip()
            if not name:
                raise ValidationError({"name": _("Add the file's name to the address: ?name=.")})
            chunks: Any = sent.chunks()
        else:
            given = self.wanted(UploadBody)
            name, chunks = given["name"], [given["text"].encode()]
        try:
            made = upload_import(
                workspace=workspace, by=person_of(request), name=name, chunks=chunks
            )
        except TooLarge:
            raise PayloadTooLarge from None
        return self.one(_again(workspace, made.pk), status=201)


class ImportEndpoint(Endpoint):
    serializer_class = OneImport

    @extend_schema(summary="One file: its options, its dry run, what became of it")
    def get(self, request: Request, slug: str, imported: int) -> Response:
        return self.one(_again(api_workspace(request, slug, *READS), imported))

    @extend_schema(summary="Discard an uploaded file of which nothing is in", responses={204: None})
    def delete(self, request: Request, slug: str, imported: int) -> Response:
        row = _again(api_workspace(request, slug, *MANAGES), imported)
        discard_import(imported=row, by=person_of(request))
        return Response(status=204)


class CheckEndpoint(Endpoint):
    serializer_class = OneImport

    @extend_schema(summary="Dry run: look at the whole file, keep nothing", request=PlanBody)
    def post(self, request: Request, slug: str, imported: int) -> Response:
        workspace = api_workspace(request, slug, *MANAGES)
        row = _again(workspace, imported)
        plan = self.wanted(PlanBody)
        check_import(imported=row, by=person_of(request), plan=plan)
        return self.one(_again(workspace, imported))


class StartEndpoint(Endpoint):
    serializer_class = OneImport

    @extend_schema(
        summary="Import the file; without options those of its last dry run hold",
        request=PlanBody,
    )
    def post(self, request: Request, slug: str, imported: int) -> Response:
        workspace = api_workspace(request, slug, *MANAGES)
        row = _again(workspace, imported)
        plan = self.wanted(PlanBody) or None
        start_import(imported=row, by=person_of(request), plan=plan)
        return self.one(_again(workspace, imported))


class UndoEndpoint(Endpoint):
    serializer_class = OneImport

    @extend_schema(summary="Take its rows out again, while nothing depends on them", request=None)
    def post(self, request: Request, slug: str, imported: int) -> Response:
        workspace = api_workspace(request, slug, *MANAGES)
        undo_import(imported=_again(workspace, imported), by=person_of(request))
        return self.one(_again(workspace, imported))


class RejectsEndpoint(Endpoint):
    serializer_class = RefusedRow

    @extend_schema(
        summary="Refused rows as JSON Lines: line, offset, path, reason, original",
        responses={(200, "application/x-ndjson"): OpenApiTypes.BINARY},
    )
    def get(self, request: Request, slug: str, imported: int) -> HttpResponseBase:
        row = _again(api_workspace(request, slug, *MANAGES), imported)
        if not row.rejects:
            raise Http404(_("Nothing of this file was refused."))
        try:
            return download(Artifact(**row.rejects))
        except FileNotFoundError:
            raise Http404(_("The file was removed from the store.")) from None


def _again(workspace: Workspace, pk: int) -> Import:
    return get_object_or_404(imports_in(workspace), pk=pk)
