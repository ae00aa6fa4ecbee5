"""A page of prompts, by key: the thousandth costs what the first does, and so does a million rows.

Everything the browser shows about a page is asked in a fixed number of queries.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.core.exceptions import ValidationError
from django.db import connection
from django.db.models import BigIntegerField, Count, F, Q, QuerySet, Subquery, Value
from django.db.models.expressions import RawSQL
from django.db.models.functions import Left, Length
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from annotation.models import Completion, Prompt
from annotation.prompt_filter import JUDGEMENTS
from annotation.queries import current
from webapp.workspaces.models import Workspace

SIZE = 50
EXCERPT = 280
COUNTED = 3_000  # up to here the number of prompts found is told; more are "more than"
WINDOW = 50_000  # ids among which the page is looked for first where many are found
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
_VALUES_OF = """(
WITH RECURSIVE each AS (
    (SELECT {column} AS value FROM annotation_prompt
     WHERE workspace_id = %(workspace)s ORDER BY {column} LIMIT 1)
    UNION ALL
    SELECT (SELECT {column} FROM annotation_prompt
            WHERE workspace_id = %(workspace)s AND {column} > each.value
            ORDER BY {column} LIMIT 1)
    FROM each WHERE each.value IS NOT NULL
)
SELECT '{name}' AS name, value, 0 AS times FROM each
WHERE value IS NOT NULL AND value <> '' LIMIT %(most)s
)"""
_BY_INDEX = {"sources": "source", "use_cases": "use_case", "languages": "language"}
_RECENT = """
(WITH recent AS MATERIALIZED (
    SELECT tags, flags, licence FROM annotation_prompt
    WHERE workspace_id = %(workspace)s ORDER BY id DESC LIMIT %(recent)s
)
SELECT 'tags', value, count(*) FROM recent, unnest(tags) AS value GROUP BY value
UNION ALL SELECT 'flags', value, count(*) FROM recent, unnest(flags) AS value GROUP BY value
UNION ALL SELECT 'licences', licence, count(*) FROM recent WHERE licence <> '' GROUP BY licence)
"""
_VALUES = " UNION ALL ".join(
    [*(_VALUES_OF.format(name=name, column=column) for name, column in _BY_INDEX.items()), _RECENT]
)
_VALUES += " ORDER BY name, times DESC, value"


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


def page_of(
    workspace: Workspace, prompts: QuerySet[Prompt], params: Mapping[str, str], size: int = SIZE
) -> PromptPage:
    """The page after ?after= or before ?before= in the order ?sort=; without them the first.

    `prompts` are some of the workspace's.

    Raises:
        ValidationError: a sort that is not one of SORTS, or a key that is not one of ours.
    """
    _label, by_length, descending = SORTS[sort_of(params)]
    backwards = bool(params.get("before"))
    key = params.get("before") or params.get("after") or ""
    down = descending != backwards
    rows = prompts.annotate(characters=Length("text"), excerpt=Left("text", EXCERPT))
    if key:
        rows = rows.filter(_beyond(key, by_length, down))
    rows = rows.defer("messages", "text", "text_hash", "metadata")
    # Not through the older ids of other workspaces.
    count = count_up_to(prompts.filter(pk__gte=_end_of(workspace, down=False)))
    found: list[Any] = []
    if count > COUNTED:
        near = rows if by_length else _nearby(workspace, rows, key, down)
        found = list(near.order_by(*_order(by_length, down))[: size + 1])
    if len(found) <= size:
        # Left alone the planner hopes to meet 51 soon on its way through the newest ones, and of
        # a rare word, or of a flag that no prompt has, it then reads a million rows. A sum is in
        # no index: they are looked up by what they are filtered by, and sorted.
        found = list(rows.order_by(*_order(by_length, down, plus=Value(0)))[: size + 1])
    more, found = len(found) > size, found[:size]
    if backwards:
        found.reverse()
    page = PromptPage(found, found=count)
    if found:
        page.next = _key(found[-1], by_length) if more or backwards else ""
        page.previous = _key(found[0], by_length) if key and (more or not backwards) else ""
    _count_work(found)
    return page


def _order(by_length: bool, down: bool, plus: Value | None = None) -> list[Any]:
    keys: list[Any] = [F(name) for name in (("characters", "pk") if by_length else ("pk",))]
    keys = [key + plus if plus else key for key in keys]
    return [key.desc() if down else key.asc() for key in keys]


def _nearby(workspace: Workspace, rows: QuerySet[Prompt], key: str, down: bool) -> QuerySet[Prompt]:
    """Those among the next 50,000 ids: where many are found, a page is most likely there.

    It bounds the walk where all of them came in long ago, or where the ids at this end are those
    of another workspace.
    """
    start: Any = Value(int(key)) if key else _end_of(workspace, down)
    if down:
        return rows.filter(pk__lte=start, pk__gt=start - Value(WINDOW))
    return rows.filter(pk__gte=start, pk__lt=start + Value(WINDOW))


def _end_of(workspace: Workspace, down: bool) -> Any:
    ids = Prompt.objects.filter(workspace=workspace).order_by("-pk" if down else "pk")
    return Subquery(ids.values("pk")[:1], output_field=BigIntegerField())


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
    """Answers and judgements of each row, in one query for all tables."""
    ids = [row.pk for row in rows]
    answers: dict[int, int] = {}
    judgements: dict[int, int] = {}
    if ids:
        # One parameter: five lists of fifty take longer to write into the query than to ask.
        these = RawSQL("SELECT unnest(%s::bigint[])", [ids])
        asked: list[tuple[str, QuerySet[Any]]] = [
            ("answers", Completion.objects.filter(prompt__in=these)),
            *(
                ("judgements", current(table._default_manager.filter(prompt__in=these)))
                for table in JUDGEMENTS
            ),
        ]
        written, *judged = (
            found.order_by().values_list("prompt", Value(what)).annotate(n=Count("pk"))
            for what, found in asked
        )
        for key, what, count in written.union(*judged, all=True):
            counts = answers if what == "answers" else judgements
            counts[key] = counts.get(key, 0) + count
    for row in rows:
        row.answers = answers.get(row.pk, 0)
        row.judgements = judgements.get(row.pk, 0)


def count_up_to(prompts: QuerySet[Prompt], most: int = COUNTED) -> int:
    """How many there are, up to most + 1: counting a million takes longer than the page."""
    return prompts.order_by().values("pk")[: most + 1].count()


def values_of(workspace: Workspace) -> dict[str, list[str]]:
    """What can be chosen: sources, use cases and languages there are; recent tags and flags."""
    found: dict[str, list[str]] = {name: [] for name in (*_BY_INDEX, "tags", "flags", "licences")}
    asked = {"workspace": workspace.pk, "most": MOST_CHOICES, "recent": RECENT}
    with connection.cursor() as cursor:
        cursor.execute(_VALUES, asked)
        for name, value, _times in cursor.fetchall():
            if len(found[name]) < MOST_CHOICES:
                found[name].append(value)
    return found
