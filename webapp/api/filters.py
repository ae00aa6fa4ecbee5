"""Filters and sorting by allow-list. Nothing that a client wrote ever becomes a lookup.

A view says `filters = {"role": Filter("role", choices=Role.values)}` and
`sorts = {"created_at": "created_at"}`; any other name or value is refused with the allowed ones.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from rest_framework.exceptions import ValidationError
from rest_framework.filters import BaseFilterBackend
from rest_framework.request import Request

ALWAYS = ("limit", "cursor")
LONGEST = 200


@dataclass(frozen=True)
class Filter:
    """`lookup` is ours; the client's part is only the value, checked as `kind` or `choices`."""

    lookup: str
    kind: type = str  # str, int, bool or datetime
    choices: Iterable[str] = ()
    help: str = ""

    def condition(self, name: str, text: str) -> Q:
        if "\0" in text or len(text) > LONGEST:
            raise ValidationError({name: _("At most 200 characters, none of them NUL.")})
        if self.choices and text not in self.choices:
            allowed = ", ".join(self.choices)
            sentence = _("%(text)s is not allowed. Allowed: %(allowed)s.")
            raise ValidationError({name: sentence % {"text": repr(text), "allowed": allowed}})
        return Q((self.lookup, self._value(name, text)))

    def _value(self, name: str, text: str) -> Any:
        value: Any = text
        if self.kind is int:
            value = int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None
        elif self.kind is bool:
            value = {"true": True, "false": False}.get(text)
        elif self.kind is datetime:
            value = _moment(text)
        if value is None:
            kinds = {int: _("a whole number"), bool: "true, false", datetime: "2026-01-31T12:00Z"}
            sentence = _("%(text)s is not allowed. Allowed: %(allowed)s.")
            allowed = {"text": repr(text), "allowed": kinds[self.kind]}
            raise ValidationError({name: sentence % allowed})
        return value


def _moment(text: str) -> datetime | None:
    try:
        moment = parse_datetime(text)
    except ValueError:
        return None
    return moment if moment and moment.tzinfo else None


class AllowListFilter(BaseFilterBackend):
    def filter_queryset(self, request: Request, queryset: QuerySet, view: Any) -> QuerySet:
        filters: Mapping[str, Filter] = getattr(view, "filters", {})
        sorts: Mapping[str, str] = getattr(view, "sorts", {})
        allowed = [*filters, *(["sort"] if sorts else []), *ALWAYS]
        for name in request.query_params:
            if name not in allowed:
                sentence = _("There is no such parameter. Allowed: %(allowed)s.")
                raise ValidationError({name: sentence % {"allowed": ", ".join(allowed)}})
        for name, each in filters.items():
            if name in request.query_params:
                queryset = queryset.filter(each.condition(name, request.query_params[name]))
        return queryset

    def get_ordering(self, request: Request, queryset: QuerySet, view: Any) -> tuple[str, ...]:
        """What the cursor pages by: ?sort=name or ?sort=-name, then the key for equal names."""
        sorts: Mapping[str, str] = getattr(view, "sorts", {})
        wanted = request.query_params.get("sort", "")
        if not wanted:
            return tuple(getattr(view, "ordering", ("-pk",)))
        field = sorts.get(wanted.removeprefix("-"))
        if field is None:
            allowed = ", ".join(f"{name}, -{name}" for name in sorts)
            sentence = _("%(wanted)s is not allowed. Allowed: %(allowed)s.")
            raise ValidationError({"sort": sentence % {"wanted": repr(wanted), "allowed": allowed}})
        return (f"-{field}" if wanted.startswith("-") else field, "-pk")

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        names = {int: "integer", bool: "boolean"}
        found: list[dict[str, Any]] = []
        for name, each in getattr(view, "filters", {}).items():
            schema: dict[str, Any] = {"type": names.get(each.kind, "string")}
            if each.kind is datetime:
                schema["format"] = "date-time"
            if each.choices:
                schema["enum"] = list(each.choices)
            found.append({"name": name, "in": "query", "schema": schema, "description": each.help})
        if sorts := getattr(view, "sorts", {}):
            schema = {"type": "string", "enum": [f"{m}{name}" for name in sorts for m in ("", "-")]}
            found.append({"name": "sort", "in": "query", "schema": schema})
        return found
