"""What stands on the rows that a file brought: an import can be undone while nothing does.

References are found by the foreign keys, whatever app they are in. Who keeps ids without a foreign
key registers a question of its own in AppConfig.ready.
"""

from collections.abc import Callable, Iterator
from typing import Any

from django.db import models
from django.utils.translation import gettext as _

from annotation.models import (
    Comparison,
    Completion,
    Demonstration,
    Import,
    Prompt,
    Ranking,
    RankingEntry,
    Rating,
)

BROUGHT: tuple[type[models.Model], ...] = (
    Ranking,
    Comparison,
    Rating,
    Demonstration,
    Completion,
    Prompt,
)  # in the order in which they can be deleted
# Worked out of a prompt by the machine, and gone with it.
DERIVED = {"annotation.promptfingerprint", "annotation.duplicatemember", "annotation.rankingentry"}

_questions: list[Callable[[Import], str]] = []


def register(question: Callable[[Import], str]) -> None:
    """`question(import_row)` answers with a sentence that says what depends on it, or ""."""
    if question not in _questions:
        _questions.append(question)


def dependents_of(imported: Import) -> list[str]:
    """What would lose its ground, in words; empty when the import can be undone."""
    found = []
    for relation in relations():
        others = referring(relation, imported)
        if any(field.name == "imported_in" for field in relation.related_model._meta.fields):
            others = others.exclude(imported_in=imported)
        count = others.count()
        if count:
            name = str(relation.related_model._meta.verbose_name_plural)
            found.append(f"{count} {name}")
    found += [sentence for question in _questions if (sentence := question(imported))]
    filled = [
        count for what, count in imported.report.get("tables", {}).items() if "filled in" in what
    ]
    if filled:
        found.append(_("%d older rows whose missing texts it filled in") % sum(filled))
    return list(dict.fromkeys(found))


def relations(*, derived: bool = False) -> Iterator[Any]:
    """References to the rows of an import from outside of it, or the derived ones."""
    for model in BROUGHT:
        for field in model._meta.get_fields(include_hidden=True):
            if not (field.auto_created and not field.concrete):
                continue
            if not (field.one_to_one or field.one_to_many):
                continue
            if (field.related_model._meta.label_lower in DERIVED) is derived:  # type: ignore[union-attr]
                yield field


def referring(relation: Any, imported: Import) -> models.QuerySet[Any]:
    """The rows that refer to what this import brought."""
    manager = relation.related_model._base_manager
    return manager.filter(**{f"{relation.field.name}__imported_in": imported})


def entries_of(imported: Import) -> models.QuerySet[RankingEntry]:
    return RankingEntry.objects.filter(ranking__imported_in=imported)
