"""Bodies are JSON, and JSON that PostgreSQL can store: clean_json says what is wrong and where."""

from collections.abc import Mapping
from typing import IO, Any

from django.conf import settings
from django.utils.translation import gettext as _
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser

from webapp.clean_json import CleanJSONError, clean_json


class CleanJSONParser(BaseParser):
    media_type = "application/json"

    def parse(
        self,
        stream: IO[bytes],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        most = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        body = stream.read(most + 1)
        if len(body) > most:
            raise ParseError(_("The body has more than %(most)d bytes.") % {"most": most})
        try:
            return clean_json(body)
        except CleanJSONError as error:
            raise ParseError(str(error)) from error
