"""Pages by cursor: a row that is added while somebody pages is neither skipped nor seen twice."""

from collections.abc import Sequence
from functools import reduce
from typing import Any

from django.core.exceptions import ValidationError as ModelValidationError
from django.db import DataError
from django.utils.translation import gettext as _
from rest_framework.exceptions import ValidationError
from rest_framework.pagination import CursorPagination
from rest_framework.request import Request
from rest_framework.response import Response


class Pages(CursorPagination):
    """?limit= (at most 200) and the `next` address of the answer before."""

    page_size = 50
    max_page_size = 200
    page_size_query_param = "limit"
    cursor_query_param = "cursor"
    ordering = "-pk"

    def paginate_queryset(
        self, queryset: Any, request: Request, view: Any = None
    ) -> list[Any] | None:
        """Raises:
        ValidationError: the cursor was not made by us, for this sorting.
        """
        try:
            return super().paginate_queryset(queryset, request, view)
        except (ValueError, TypeError, DataError, ModelValidationError) as error:
            sentence = _("This cursor is not one of ours. Follow `next` as it was given.")
            raise ValidationError({"cursor": [sentence]}) from error

    def _get_position_from_instance(self, instance: Any, ordering: Sequence[str]) -> Any:
        """The value that the rows are sorted by, also where it is a column of a related row."""
        path = ordering[0].removeprefix("-").split("__")
        value = reduce(lambda row, name: getattr(row, name, None), path, instance)
        return None if value is None else str(value)

    def get_paginated_response(self, data: Any) -> Response:
        return Response(
            {"next": self.get_next_link(), "previous": self.get_previous_link(), "results": data}
        )
