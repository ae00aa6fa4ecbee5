"""The class that every endpoint extends, and the serializer that refuses what it does not know."""

import functools
from typing import Any

from django.utils.translation import gettext as _
from rest_framework import serializers
from rest_framework.generics import GenericAPIView
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request
from rest_framework.response import Response

from webapp.api.idempotency import once


class Endpoint(GenericAPIView):
    """Token or session, JSON, problem details; writes honour Idempotency-Key.

    A list is `return self.paged(queryset)`: filtered by the view's `filters` and `sorts`.
    """

    is_list = False  # True: GET answers pages of rows
    filters: dict[str, Any] = {}
    sorts: dict[str, str] = {}

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        method = (request.method or "").lower()
        if request.method not in SAFE_METHODS and method in self.http_method_names:
            handler = getattr(self, method, None)
            if handler is not None:
                setattr(self, method, functools.partial(once, handler))

    def paged(self, queryset: Any) -> Response:
        found = self.paginate_queryset(self.filter_queryset(queryset))
        return self.get_paginated_response(self.get_serializer(found, many=True).data)

    def one(self, row: Any, status: int = 200) -> Response:
        return Response(self.get_serializer(row).data, status=status)

    def wanted(self, serializer: type[serializers.BaseSerializer], **options: Any) -> Any:
        """The checked body; a field that is not the serializer's is refused by name."""
        data = self.request.data
        if not options and issubclass(serializer, Strict) and isinstance(data, dict):
            return _made_once(serializer).run_validation(data)
        given = serializer(data=data, context={"request": self.request}, **options)
        given.is_valid(raise_exception=True)
        return given.validated_data


@functools.cache
def _made_once(serializer: type["Strict"]) -> "Strict":
    """One for all requests: copying the fields of a body costs more than checking it.

    Checking keeps nothing in the serializer, as in a list, whose rows share one too. A body must
    not ask for its context: it has none.
    """
    return serializer()


class Strict(serializers.Serializer):
    """A body with unknown fields is refused: a typing error must not pass for a change."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, dict):
            allowed = [name for name, field in self.fields.items() if not field.read_only]
            unknown = sorted(str(name) for name in data if name not in allowed)
            if unknown:
                sentence = _("There is no such field. Allowed: %(allowed)s.")
                message = sentence % {"allowed": ", ".join(allowed)}
                raise serializers.ValidationError({name: [message] for name in unknown})
        return super().to_internal_value(data)
