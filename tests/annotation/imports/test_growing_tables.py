"""An import does not slow down with what it has written: each row is looked up by an index.

PostgreSQL knows nothing of a table that grew within this transaction, and plans accordingly.
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

pytestmark = pytest.mark.django_db
PAIRS = 3_000


@pytest.fixture
def cups() -> Workspace:
    """A workspace with pairs that came in within this very transaction."""
    _forget_statistics()
    workspace = a_workspace()
    lines = b"".join(
        json.dumps(
            {
                "id": f"q{number}",
                "prompt": f"Name {number} rivers.",
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
    return workspace


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


def test_prompts_are_known_by_the_index_of_their_hashes(cups: Workspace) -> None:
    digests = [bytes(found) for found in Prompt.objects.values_list("text_hash", flat=True)[:500]]
    plan = plan_of(stored_prompts._KNOWN, [digests, cups.pk])
    assert "a_prompt_is_once_in_a_workspace" in plan
    assert "Seq Scan on annotation_prompt" not in plan


def test_prompts_that_wait_for_their_text_are_known_by_an_index_of_them_alone(
    cups: Workspace,
) -> None:
    names = [f"q{number}" for number in range(500)]
    plan = plan_of(stored_prompts._WITHOUT_TEXT, [["pairs"] * 500, names, cups.pk])
    assert "prompt_without_text" in plan
    assert "Seq Scan on annotation_prompt" not in plan


def test_answers_are_known_by_prompt_and_writer(cups: Workspace) -> None:
    prompts = list(Completion.objects.values_list("prompt_id", flat=True)[:500])
    plan = plan_of(stored_answers._KNOWN, [prompts, [""] * 500])
    assert "an_answer_is_once_under_a_prompt" in plan
    assert "Seq Scan on annotation_completion" not in plan


def test_control_a_list_is_answered_without_that_index(cups: Workspace) -> None:
    digests = [bytes(found) for found in Prompt.objects.values_list("text_hash", flat=True)[:500]]
    asked = "SELECT id FROM annotation_prompt WHERE workspace_id = %s AND text_hash = ANY(%s)"
    assert "a_prompt_is_once_in_a_workspace" not in plan_of(asked, [cups.pk, digests])
