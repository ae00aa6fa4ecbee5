"""A page of prompts, by key: the thousandth costs what the first does, and so does a million rows.

Everything the browser shows about a page is asked in a fixed number of queries.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.core.exceptions import ValidationError
from django.db import connection
from django.db.models import Count, F, Q, QuerySet
from django.db.models.functions import Left, Length
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from annotation.models import Prompt
from annotation.prompt_filter import JUDGEMENTS
from annotation.queries import current
from webapp.workspaces.models import Workspace

SIZE = 50
EXCERPT = 280
COUNTED = 10_000  # up to here the number of prompts found is told; more are "more than"
MOST_CHOICES = 100
RECENT = 2_000  # prompts in which tags, flags and licences are looked for

# name -> (label, sorted by length, descending)
SORTS: dict[str, tuple[Any, bool, bool]] = {
    "newest": (gettext_lazy("Newest first"), False, True),
    "oldest": (gettext_lazy("Oldest first"), False, False),
    "longest": (gettext_lazy("Longest first"), True, True),
    "shortest": (gettext_lazy("Shortest first"), True, False),
}

# The next greater value of an index, again and again: a list of values costs one step for each
# value, not one for each row.
_VALUES = """
WITH RECURSIVE each AS (
    (SELECT {column} AS value FROM annotation_prompt
     WHERE workspace_id = %(workspace)s ORDER BY {column} LIMIT 1)
    UNION ALL
    SELECT (SELECT {column} FROM annotation_prompt
            WHERE workspace_id = %(workspace)s AND {column} > each.value
            ORDER BY {column} LIMIT 1)
    FROM each WHERE each.value IS NOT NULL
)
SELECT value FROM each WHERE value IS NOT NULL AND value <> '' LIMIT %(most)s
"""
_RECENT = """
WITH recent AS MATERIALIZED (
    SELECT tags, flags, licence FROM annotation_prompt
    WHERE workspace_id = %s ORDER BY id DESC LIMIT %s
)
SELECT 'tags', value, count(*) FROM recent, unnest(tags) AS value GROUP BY value
UNION ALL SELECT 'flags', value, count(*) FROM recent, unnest(flags) AS value GROUP BY value
UNION ALL SELECT 'licences', licence, count(*) FROM recent WHERE licence <> '' GROUP BY licence
ORDER BY 1, 3 DESC, 2
"""


@dataclass
class PromptPage:
    """`rows` with `.excerpt`, `.characters`, `.answers`, `.judgements`; keys of the next pages."""

    rows: list[Any]
    next: str = ""
    previous: str = ""
    found: int = 0  # at most COUNTED + 1
    choices: dict[str, list[str]] = field(default_factory=dict)

    @property
    def more_than_counted(self) -> bool:
        return self.found > COUNTED


def page_of(prompts: QuerySet[Prompt], params: Mapping[str, str], size: int = SIZE) -> PromptPage:
    """The page after ?after= or before ?before= in the order ?sort=; without them the first.

    Raises:
        ValidationError: a sort that is not one of SORTS, or a key that is not one of ours.
    """
    sort = sort_of(params)
    _label, by_length, descending = SORTS[sort]
    backwards = bool(params.get("before"))
    key = params.get("before") or params.get("after") or ""
    down = descending != backwards
    rows = prompts.annotate(characters=Length("text"), excerpt=Left("text", EXCERPT))
    if key:
        rows = rows.filter(_beyond(key, by_length, down))
    names = ("characters", "pk") if by_length else ("pk",)
    rows = rows.order_by(*(F(name).desc() if down else F(name).asc() for name in names))
    found = list(rows.defer("messages", "text", "text_hash", "metadata")[: size + 1])
    more, found = len(found) > size, found[:size]
    if backwards:
        found.reverse()
    page = PromptPage(found)
    if found:
        page.next = _key(found[-1], by_length) if more or backwards else ""
        page.previous = _key(found[0], by_length) if key and (more or not backwards) else ""
    _count_work(found)
    return page


def sort_of(params: Mapping[str, str]) -> str:
    sort = params.get("sort") or "newest"
    if sort not in SORTS:
        raise ValidationError(
            _("sort is %(sort)s. Allowed: %(allowed)s.")
            % {"sort": repr(sort[:40]), "allowed": ", ".join(SORTS)}
        )
    return sort


def _key(row: Any, by_length: bool) -> str:
    return f"{row.characters}.{row.pk}" if by_length else str(row.pk)


def _beyond(key: str, by_length: bool, down: bool) -> Q:
    parts = key.split(".")
    if len(parts) != 1 + by_length or not all(
        part.isascii() and part.isdigit() and len(part) < 19 for part in parts
    ):
        raise ValidationError(_("This page is not one of ours. Start from the first one."))
    last = int(parts[-1])
    further = Q(pk__lt=last) if down else Q(pk__gt=last)
    if not by_length:
        return further
    # The first condition bounds the index; the rest tells equal lengths apart.
    length = int(parts[0])
    if down:
        return Q(characters__lte=length) & (Q(characters__lt=length) | further)
    return Q(characters__gte=length) & (Q(characters__gt=length) | further)


def _count_work(rows: list[Any]) -> None:
    """Answers and judgements of each row, in one query for each table."""
    ids = [row.pk for row in rows]
    answers: dict[int, int] = {}
    judgements: dict[int, int] = {}
    if ids:
        counted = Prompt.objects.filter(pk__in=ids).order_by()
        answers = dict(counted.annotate(n=Count("completions")).values_list("pk", "n"))
        for table in JUDGEMENTS:
            given = current(table._default_manager.filter(prompt__in=ids)).order_by()
            for key, count in given.values_list("prompt").annotate(n=Count("pk")):
                judgements[key] = judgements.get(key, 0) + count
    for row in rows:
        row.answers = answers.get(row.pk, 0)
        row.judgements = judgements.get(row.pk, 0)


def count_up_to(prompts: QuerySet[Prompt], most: int = COUNTED) -> int:
    """How many there are, up to most + 1: counting a million takes longer than the page."""
    return prompts.order_by().values("pk")[: most + 1].count()


def values_of(workspace: Workspace) -> dict[str, list[str]]:
    """What can be chosen: sources, use cases and languages there are; recent tags and flags."""
    found: dict[str, list[str]] = {}
    with connection.cursor() as cursor:
        columns = {"sources": "source", "use_cases": "use_case", "languages": "language"}
        for name, column in columns.items():
            cursor.execute(
                _VALUES.format(column=connection.ops.quote_name(column)),
                {"workspace": workspace.pk, "most": MOST_CHOICES},
            )
            found[name] = [row[0] for row in cursor.fetchall()]
        found |= {"tags": [], "flags": [], "licences": []}
        cursor.execute(_RECENT, [workspace.pk, RECENT])
        for name, value, _count in cursor.fetchall():
            if len(found[name]) < MOST_CHOICES:
                found[name].append(value)
    return found
