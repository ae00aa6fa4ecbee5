"""E5: a form or a body with every field name of every model changes only what it is for."""

import json
import re
from typing import Any

import pytest
from django.apps import apps
from django.db import models

from tests.access.world import World, checksums, rows_of
from tests.permissions_matrix import Row, request_of, rows

pytestmark = pytest.mark.django_db

OURS = ("webapp.", "annotation", "training", "allauth.")
# Made anew each time, so two runs of one request differ in them.
MADE = re.compile(
    r'"(\w*_at|at|id|pk|\w*_id|\w*hash|prefix|password|token\w*|secret|key|seed|data|sessions_epoch|expire_date|'
    r"path|probe_set|batch|"
    r'not_before|until|leased_until|lease\w*|order\w*|shown_order|attempt|seed\w*)": ?'
    r'("[^"]*"|[^,}\]]+|\[[^\]]*\]|\{[^}]*\})'
)
HOSTILE_NAMES = {
    "is_site_admin", "is_staff", "is_superuser", "is_active", "may_create_workspaces", "role",
    "workspace", "workspace_id", "user", "user_id", "actor", "owner", "by", "status", "state",
    "key", "token_hash", "secret_hash", "scope", "accepted_at", "revoked_at", "expires_at",
    "archived_at", "slug", "id", "pk", "password", "verified", "primary", "email",
    "sessions_epoch", "created_at", "invited_by", "mailed",
}  # fmt: skip


def model_fields() -> set[str]:
    found = set()
    for model in apps.get_models():
        if model.__module__.startswith(OURS):
            found |= {field.name for field in model._meta.get_fields()}
            found |= {
                field.attname
                for field in model._meta.concrete_fields
                if isinstance(field, models.ForeignKey)
            }
    return found


def hostile(world: World, allowed: set[str]) -> dict[str, Any]:
    values: dict[str, Any] = {name: "1" for name in model_fields() | HOSTILE_NAMES}
    values |= {name: "true" for name in values if name.startswith(("is_", "may_"))}
    values |= {"role": "manager", "scope": "write", "email": "evil@evil.test", "slug": "evil"}
    values |= {"workspace": world.theirs.slug, "workspace_id": str(world.theirs.pk)}
    return {name: value for name, value in values.items() if name not in allowed}


def effect(world: World, identity: str, row: Row, extra: dict[str, Any]) -> tuple[int, Any]:
    """(status, what changed: table -> rows gone and come, without what is made anew)."""
    with world.without_trace(identity):
        address, data = request_of(row, world)
        tables = set(checksums())
        before = {table: rows_of(table) for table in tables}
        answer = world.ask(identity, row.method, address, {**extra, **(data or {})})
        changes = {}
        for table in tables:
            now = rows_of(table)
            gone = sorted(MADE.sub("", each) for each in before[table] - now)
            come = sorted(MADE.sub("", each) for each in now - before[table])
            if gone or come:
                changes[table] = (gone, come)
        return answer.status_code, changes


def fields_of_page(world: World, identity: str, row: Row) -> set[str]:
    """The names of the controls on the page that shows the form."""
    if not any(other.route == row.route and other.method == "GET" for other in rows()):
        return set()
    with world.without_trace(identity):
        address, _data = request_of(row, world)
        page = world.ask(identity, "GET", address).content.decode()
    return set(re.findall(r'name="([^"]+)"', page))


def writing_rows() -> list[tuple[Row, str]]:
    return [
        (row, name)
        for row in rows()
        if row.method in ("POST", "PATCH")
        and row.setup.data is not None
        and (name := row.somebody("manager", "admin", "write")) is not None
        and not row.route.startswith(("account_login", "account_reset"))
    ]


@pytest.mark.heavy
def test_no_extra_field_changes_anything(world: World) -> None:
    wrong = []
    for row, identity in writing_rows():
        data = row.setup.data(world) if callable(row.setup.data) else row.setup.data
        allowed = set(data or {}) | row.setup.allows | fields_of_page(world, identity, row)
        extra = hostile(world, allowed)
        plain = effect(world, identity, row, {})
        attacked = effect(world, identity, row, extra)
        if row.route.startswith("api_"):
            if attacked != (400, {}):  # an unknown field is refused by name
                wrong.append(f"{row.route} {row.method}: {attacked}")
        elif attacked != plain:
            wrong.append(f"{row.route} {row.method}: {attacked[0]} {json.dumps(attacked[1])[:400]}")
    assert not wrong, "\n".join(wrong)
    assert len(writing_rows()) >= 15


def test_control_an_allowed_field_does_change_the_row(world: World) -> None:
    row = next(row for row in rows() if (row.route, row.method) == ("workspace_role", "POST"))
    _status, plain = effect(world, "manager", row, {})
    assert set(plain) == {"workspaces_membership"}
    assert len(model_fields()) > 60
