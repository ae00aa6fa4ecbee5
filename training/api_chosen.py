"""A row that a request names by its id, or a refusal that names the field."""

from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from rest_framework import serializers


def chosen(rows: QuerySet[Any], pk: int, field: str) -> Any:
    """
    Raises:
        serializers.ValidationError: none of `rows` has this id.
    """
    found = rows.filter(pk=pk).first()
    if found is None:
        raise serializers.ValidationError(
            {field: [_("There is no such model or snapshot here that is ready.")]}
        )
    return found
