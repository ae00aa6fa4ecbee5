"""A test that committed leaves nothing to the next one, whichever way the tables are emptied."""

from typing import Any

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import connection

from tests import emptying
from tests.cast import a_workspace, mia
from webapp.audit.actions.record import record

pytestmark = pytest.mark.django_db(transaction=True)


def emptied() -> str:
    """Empties the tables as the end of a test does; the statements that it took."""
    said: list[str] = []

    def heard(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        said.append(sql)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(heard):
        as_a_test = {"reset_sequences": False, "inhibit_post_migrate": True}
        call_command("flush", verbosity=0, interactive=False, **as_a_test)
    return "\n".join(said)


def left() -> list[str]:
    managed = [model for model in apps.get_models() if model._meta.managed]
    return [model.__name__ for model in managed if model._default_manager.exists()]


def test_few_rows_are_deleted_an_entry_of_the_audit_among_them() -> None:
    workspace = a_workspace()
    record(actor=mia(workspace), action="test", target=workspace, workspace=workspace)
    assert {"Workspace", "User", "Membership", "AuditEntry"} <= set(left())
    assert "TRUNCATE" not in emptied()
    assert left() == []


def test_many_are_truncated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(emptying, "SMALL", 0)
    mia(a_workspace())
    assert "TRUNCATE" in emptied()
    assert left() == []


def test_an_empty_database_is_left_alone() -> None:
    said = emptied()
    assert "TRUNCATE" not in said
    assert "DELETE" not in said
