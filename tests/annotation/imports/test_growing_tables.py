"""An import does not slow down with what it has written: each row is looked up by an index.

PostgreSQL knows nothing of a table that grew within this transaction, or of a workspace that came
after its statistics, and plans accordingly.
"""

import io
import json
from collections.abc import Sequence
from typing import Any

import pytest
from django.db import connection

from annotation.actions.import_data import ImportPlan, import_data
from annotation.imports import stored_answers, stored_prompts
from annotation.models import Completion, Prompt
from tests.cast import a_workspace
from webapp.workspaces.models import Workspace

pytestmark = [pytest.mark.heavy, pytest.mark.django_db]
PAIRS = 3_000


@pytest.fixture(params=["no statistics", "statistics of another workspace"])
def cups(request: pytest.FixtureRequest) -> Workspace:
    """A workspace with pairs that came in within this very transaction."""
    _forget_statistics()
    if request.param != "no statistics":
        _bring_pairs(a_workspace("Saucers"))
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE annotation_prompt, annotation_completion")
    workspace = a_workspace()
    _bring_pairs(workspace)
    return workspace


def _bring_pairs(workspace: Workspace) -> None:
    lines = b"".join(
        json.dumps(
            {
                "id": f"q{number}",
                "prompt": f"Name {number} rivers of {workspace.name}.",
                "chosen": f"Rhine {number}",
                "rejected": "None.",
            }
        ).encode()
        + b"\n"
        for number in range(PAIRS)
    )
    plan = ImportPlan("pairs.jsonl")
    report = import_data(workspace=workspace, by=None, file=io.BytesIO(lines), plan=plan)
    assert report.imported == PAIRS


def _forget_statistics() -> None:
    """What tests before this one left behind, when autovacuum happened to look at it."""
    columns = """
        SELECT pg_clear_attribute_stats(schemaname, tablename, attname, inherited)
        FROM pg_stats WHERE tablename = %(table)s
    """
    with connection.cursor() as cursor:
        for table in (Prompt._meta.db_table, Completion._meta.db_table):
            cursor.execute(columns, {"table": table})
            cursor.execute("SELECT pg_clear_relation_stats('public', %s)", [table])


def plan_of(query: str, values: Sequence[Any]) -> str:
    with connection.cursor() as cursor:
        cursor.execute("EXPLAIN " + query, values)
        return "\n".join(line for (line,) in cursor.fetchall())


def some_digests(workspace: Workspace) -> list[bytes]:
    found = Prompt.objects.filter(workspace=workspace).values_list("text_hash", flat=True)
    return [bytes(digest) for digest in found[:500]]


def digests_in_one_text(cups: Workspace) -> str:
    return stored_prompts.in_one_text(some_digests(cups))


def test_prompts_are_known_by_the_index_of_their_hashes(cups: Workspace) -> None:
    plan = plan_of(stored_prompts._KNOWN, [digests_in_one_text(cups), cups.pk])
    assert "a_prompt_is_once_in_a_workspace" in plan
    assert "Index Cond: (text_hash = wanted.digest)" in plan


@pytest.mark.parametrize(
    ("query", "index"),
    [
        (stored_prompts._WITHOUT_TEXT, "prompt_without_text"),
        (stored_prompts._BY_NAME, "prompt_by_name"),
    ],
)
def test_prompts_that_are_only_named_are_known_by_an_index_of_names(
    cups: Workspace, query: str, index: str
) -> None:
    names = [f"q{number}" for number in range(500)]
    plan = plan_of(query, [["pairs"] * 500, names, cups.pk])
    assert index in plan
    assert "Seq Scan on annotation_prompt" not in plan


def test_answers_are_known_by_prompt_and_writer(cups: Workspace) -> None:
    prompts = Completion.objects.filter(prompt__workspace=cups).values_list("prompt_id", flat=True)
    plan = plan_of(stored_answers._KNOWN, [list(prompts[:500]), [""] * 500])
    assert "Index Cond: ((prompt_id = wanted.prompt) AND ((generator)::text" in plan
    assert "Seq Scan on annotation_completion" not in plan


def test_control_a_list_is_answered_without_that_index(cups: Workspace) -> None:
    asked = "SELECT id FROM annotation_prompt WHERE workspace_id = %s AND text_hash = ANY(%s)"
    assert "a_prompt_is_once_in_a_workspace" not in plan_of(asked, [cups.pk, some_digests(cups)])


@pytest.mark.parametrize("cups", ["statistics of another workspace"], indirect=True)
def test_control_by_the_workspace_all_of_its_prompts_are_read(cups: Workspace) -> None:
    by_workspace = stored_prompts._KNOWN.replace("workspace_id + 0", "workspace_id")
    plan = plan_of(by_workspace, [digests_in_one_text(cups), cups.pk])
    assert "Filter: (text_hash = wanted.digest)" in plan
