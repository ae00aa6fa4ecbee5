"""Migrations match the models, and do nothing that would stop a running deployment."""

from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command

pytestmark = pytest.mark.heavy

ROOT = Path(__file__).resolve().parents[3]
# Made before the first release: no deployment was ever running while they were applied.
UNRELEASED = (
    "0002_people_have_limits_and_preferences",
    "0003_a_cache_table",
    "0002_an_answer_is_kept_as_text",
    "0003_search_and_curation",
    "0008_rewriting",
    "0010_prompts_without_text",
    "0009_own_prompts_and_few_shot_examples",
    "0006_held_out_scores",
    "0011_conversations",
    "0007_rounds",
    "0013_protected_sets",
    "0026_suggestions",
    "0028_the_order_of_items",
    "0014_prompt_indexes",
    "0015_settlements",
    "0016_counts_of_boards",
    "0017_boards_stop_campaigns",
    "0018_a_queue_that_stays_short",
    "0019_prompts_looked_up_by_hash_and_name",
    "0010_roles_of_adapters",
    "0014_reward_models_as_filters",
)
OURS = ["accounts", "workspaces", "audit", "api", "jobs", "webhooks", "annotation", "training"]


@pytest.mark.django_db
def test_the_models_have_their_migrations() -> None:
    out = StringIO()
    try:
        call_command("makemigrations", check=True, dry_run=True, stdout=out, stderr=out)
    except SystemExit:
        pytest.fail(out.getvalue())


@pytest.mark.django_db
def test_no_migration_harms_a_running_deployment() -> None:
    """The tables that a migration makes itself may get what they like; others may be in use."""
    from django_migration_linter import MigrationLinter

    linter = MigrationLinter(
        str(ROOT),
        include_apps=OURS,
        ignore_name=UNRELEASED,
        no_cache=True,
        quiet=["ok", "ignore"],
        analyser_string="postgresql",  # it cannot tell from webapp.database
    )
    linter.lint_all_migrations()
    assert not linter.has_errors
