"""Accept several items at once: each is a decision of its own, and one that cannot be is told."""

from collections.abc import Iterable
from typing import Any

from django.core.exceptions import ValidationError

from annotation.actions.review import accept
from annotation.models import Item

MOST_AT_ONCE = 50


def accept_many(*, items: Iterable[Item], by: Any) -> tuple[list[Item], list[tuple[Item, str]]]:
    """The items accepted, and the others with the reason: somebody decided them meanwhile, say.

    Each item has a transaction and an audit entry of its own, and each can be taken back alone.
    """
    accepted: list[Item] = []
    refused: list[tuple[Item, str]] = []
    for item in items:
        try:
            accept(item=item, by=by)
        except ValidationError as why:
            refused.append((item, " ".join(why.messages)))
        else:
            accepted.append(item)
    return accepted, refused
