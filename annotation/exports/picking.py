"""Which rows go out, decided once at the start of a transaction and kept in its temporary tables.

    export_ballot   the judgements or prompts that pass the filter, without their texts
    export_person   what members are called in the file: person-1 ... in the order of addresses
    export_group    pairs that were given together, and how many they are
    export_kept_out prompts that may not go out, each with the reason

Everything after it reads these, so that the lines, the counts and the ids of one export agree.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.db.models import QuerySet

from annotation.domain.preferences import MarginTable
from annotation.exports.plan import ExportPlan, Kind
from annotation.judgement_filter import KINDS, JudgementFilter
from annotation.models import Prompt, Split
from annotation.prompt_filter import PromptFilter
from webapp.workspaces.models import Workspace

# Which judgements say something in which kind of file.
JUDGEMENTS: dict[Kind, tuple[str, ...]] = {
    Kind.PROMPT_ONLY: (),
    Kind.PROMPT_COMPLETION: ("demonstration",),
    Kind.PREFERENCE: ("comparison", "ranking"),
    Kind.UNPAIRED: ("demonstration", "comparison", "ranking", "rating"),
}
HELD_OUT = "held_out"
Guard = Callable[[Iterable[int]], Iterable[tuple[int, str]]]

_DROP = """
DROP TABLE IF EXISTS
    pg_temp.export_ballot, pg_temp.export_kept_out, pg_temp.export_person, pg_temp.export_group;
"""
_BALLOT = """
CREATE TEMPORARY TABLE export_ballot (
    kind text, id bigint, prompt_id bigint, left_id bigint, right_id bigint,
    choice text, strength text, order_known boolean, margin double precision, scores jsonb,
    source text, annotator_id bigint, label text, grp text, suggestion text
) ON COMMIT DROP;
CREATE TEMPORARY TABLE export_kept_out (prompt_id bigint PRIMARY KEY, reason text)
ON COMMIT DROP;
"""
_COMMON = 'source, annotator_id, annotator_label, "group", {suggestion}'
# When the person saw a suggestion for it: before or after answering; empty: never.
_SUGGESTION = """coalesce((
    SELECT seen.moment FROM annotation_suggestionshown seen
    WHERE seen.assignment_id = {table}.assignment_id AND seen.annotator_id = {table}.annotator_id
      AND seen.shown AND (seen.moment = 'before' OR seen.first IS NOT NULL)), '')"""
# An import's own margin, in reward units, goes out as it came; a difference of scores (of ten, say)
# where the plan asks for it, and for rankings the scores that they came from.
_MARGIN = (
    "CASE WHEN metadata->>'strength_scale' = ANY({scales}) AND jsonb_typeof(metadata->'strength') "
    "= 'number' THEN (metadata->>'strength')::float8 END"
)
_SELECT = {
    "comparison": f"SELECT 'comparison', id, prompt_id, left_id, right_id, choice, strength, "
    f"order_known, {_MARGIN}, NULL, {_COMMON} FROM annotation_comparison",
    "ranking": "SELECT 'ranking', id, prompt_id, NULL, NULL, "
    "CASE WHEN partial THEN 'best_worst' ELSE '' END, '', true, NULL, {scores}, "
    f"{_COMMON} FROM annotation_ranking",
    "rating": "SELECT 'rating', id, prompt_id, completion_id, NULL, '', '', true, NULL, NULL, "
    f"{_COMMON} FROM annotation_rating",
    "demonstration": "SELECT 'demonstration', id, prompt_id, NULL, NULL, '', '', true, NULL, NULL, "
    f"{_COMMON} FROM annotation_demonstration",
    "prompt": "SELECT 'prompt', id, id, NULL, NULL, '', '', true, NULL, NULL, '', NULL, '', '', '' "
    "FROM annotation_prompt",
}
_PEOPLE = """
CREATE TEMPORARY TABLE export_person ON COMMIT DROP AS
SELECT person.id, 'person-' || row_number() OVER (ORDER BY person.email COLLATE "C") AS name
FROM accounts_user person
WHERE person.id IN (SELECT annotator_id FROM export_ballot);
CREATE INDEX ON export_ballot (prompt_id);
CREATE TEMPORARY TABLE export_group ON COMMIT DROP AS
SELECT prompt_id, source, annotator_id, label, grp,
       count(*) AS pairs,
       count(*) FILTER (WHERE choice IN ('left', 'right')) AS strict,
       bool_or(prompts > 1) AS several
FROM (
    SELECT ballot.*, dense_rank() OVER by_prompt + dense_rank() OVER from_the_end - 1 AS prompts
    FROM export_ballot ballot
    WHERE kind = 'comparison' AND grp <> ''
    WINDOW by_prompt AS (PARTITION BY grp ORDER BY prompt_id),
           from_the_end AS (PARTITION BY grp ORDER BY prompt_id DESC)
) given
GROUP BY prompt_id, source, annotator_id, label, grp;
CREATE INDEX ON export_group (prompt_id, grp);
ANALYZE export_ballot;
ANALYZE export_person;
ANALYZE export_group;
ANALYZE export_kept_out;
"""
_EXTRAS = """
SELECT EXISTS (
    SELECT FROM annotation_prompt prompt
    WHERE id IN (SELECT prompt_id FROM export_ballot)
    AND jsonb_path_exists(messages, '$[*].keyvalue() ? (@.key != "role" && @.key != "content")')
)
"""


@dataclass(frozen=True)
class Pick:
    """What goes out: of one workspace, by one plan and one filter."""

    workspace: Workspace
    plan: ExportPlan
    chosen: JudgementFilter

    def rows_of(self, kind: str) -> QuerySet[Any]:
        """The judgements of a kind (or the prompts) that pass the filter, in no order."""
        if kind == "prompt":
            prompts = Prompt.objects.filter(workspace=self.workspace)
            return (self.chosen.prompts or PromptFilter()).apply(prompts).order_by()
        model = KINDS[kind]
        found = model._default_manager.filter(prompt__workspace=self.workspace)
        return self.chosen.apply(found).order_by()

    @property
    def kinds(self) -> tuple[str, ...]:
        if self.plan.kind is Kind.PROMPT_ONLY:
            return ("prompt",)
        return tuple(kind for kind in JUDGEMENTS[self.plan.kind] if self.chosen.wants(kind))

    def lay_out(self, guard: Guard | None = None, patience: int = 0) -> None:
        """Make the temporary tables. Inside a transaction; they are gone at its end.

        guard: is given the ids of all prompts of the pick and names those that may not go out
        beside the held-out ones, each with the reason. patience: seconds that each statement of
        the transaction may take, 0: as long as it needs.
        """
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('statement_timeout', %s, true)", [f"{patience}s"])
            cursor.execute(_DROP + _BALLOT)
            for kind in self.kinds:
                query, values = self.rows_of(kind).values("pk").query.sql_with_params()
                seen = _SUGGESTION.format(table=f"annotation_{kind}")
                select = _SELECT[kind].format(**self._margins(), suggestion=seen)
                insert = f"INSERT INTO export_ballot {select} WHERE id IN ({query})"
                cursor.execute(insert, values)
            self._keep_out(cursor, guard)
            cursor.execute(_PEOPLE)

    def _margins(self) -> dict[str, str]:
        if self.plan.margins is MarginTable.SCORES:
            scales = "'{margin,score difference}'"
            return {"scales": scales, "scores": "metadata->'scores'"}
        return {"scales": "'{margin}'", "scores": "NULL"}

    def _keep_out(self, cursor: Any, guard: Guard | None) -> None:
        cursor.execute(
            "INSERT INTO export_kept_out SELECT id, %s FROM annotation_prompt "
            "WHERE workspace_id = %s AND split = %s",
            [HELD_OUT, self.workspace.pk, Split.HELD_OUT],
        )
        if guard is not None:
            cursor.execute("SELECT DISTINCT prompt_id FROM export_ballot ORDER BY prompt_id")
            found = list(guard(row[0] for row in cursor.fetchall()))
            cursor.executemany(
                "INSERT INTO export_kept_out VALUES (%s, %s) ON CONFLICT DO NOTHING", found
            )

    def clear(self) -> None:
        """Drop the temporary tables before the transaction ends."""
        with connection.cursor() as cursor:
            cursor.execute(_DROP)

    def has_extras(self) -> bool:
        """Whether a prompt's message has more than role and content (names, tool calls)."""
        with connection.cursor() as cursor:
            cursor.execute(_EXTRAS)
            return bool(cursor.fetchone()[0])
