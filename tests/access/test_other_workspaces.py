"""E3: a foreign id is answered like an id that nobody has, and nothing changes there."""

import re
from typing import Any

import pytest
from django.urls import reverse

from tests.access.world import (
    ABSENT,
    World,
    checksums,
    meant_by,
    parameter_names,
    rolled_back,
)
from tests.permissions_matrix import Row, request_of, rows

pytestmark = [pytest.mark.heavy, pytest.mark.django_db]

# What names a row of a workspace or of a person. Of the other parameters `secret`, `key` and
# `uidb36` are themselves the permission, and the rest name nothing.
OWNED = {
    *("slug", "member", "invitation", "token", "person"),
    *("campaign", "assignment", "conversation"),
}
NO_SUCH = {"slug": "no-such-workspace"}


def owned_in(row: Row) -> set[str]:
    return {meant_by(row.route, name) for name in parameter_names(row.route)} & OWNED


def with_ids(identity: str = "manager") -> list[Row]:
    return [
        row
        for row in rows()
        if owned_in(row)
        and row.statuses[identity] < 400
        and (identity == "manager" or row.route.startswith("api_"))  # pages look at no token
    ]


def forged(world: World, row: Row) -> list[tuple[str, str]]:
    """(address with their ids, the same with absent ids), for each id alone and all together."""
    names = sorted(owned_in(row))
    choices = [[name] for name in names] + ([names] if len(names) > 1 else [])
    return [
        (
            world.address(row.route, **{name: world.twins[name] for name in chosen}),
            world.address(row.route, **{name: NO_SUCH.get(name, ABSENT) for name in chosen}),
        )
        for chosen in choices
    ]


def comparable(content: bytes) -> str:
    """The body without what differs between any two answers: tokens, request ids, the address."""
    text = content.decode()
    text = re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", "ID", text)
    text = re.sub(r'(csrfmiddlewaretoken" value="|X-CSRFToken": ")[^"]+', r"\1TOKEN", text)
    text = re.sub(r"(/api/v1/\S*|/w/[\w/-]+|/account/tokens/\d+\S*)", "ADDRESS", text)
    return re.sub(r"\b(999999999|no-such-workspace|tea-pots)\b", "ID", text)


@pytest.mark.parametrize("identity", ["manager", "write"])
def test_a_foreign_id_is_answered_like_one_that_does_not_exist(world: World, identity: str) -> None:
    tried, wrong = 0, []
    before = checksums()
    for row in with_ids(identity):
        _address, data = row.setup.data, None
        if row.setup.before is None:
            _address, data = request_of(row, world)
        for theirs, absent in forged(world, row):
            tried += 1
            given = [world.ask(identity, row.method, each, data) for each in (theirs, absent)]
            if [each.status_code for each in given] != [404, 404]:
                wrong.append(f"{row.route} {row.method} {theirs}: {given}")
            elif comparable(given[0].content) != comparable(given[1].content):
                wrong.append(f"{row.route} {row.method}: the two bodies differ")
    assert not wrong, "\n".join(wrong)
    assert checksums() == before
    assert tried >= {"manager": 30, "write": 20}[identity]


def test_control_the_own_ids_work_and_change_rows(world: World) -> None:
    before = checksums()
    row = next(row for row in rows() if (row.route, row.method) == ("workspace_remove", "POST"))
    assert world.ask("manager", row.method, *request_of(row, world)).status_code == 302
    changed = {table for table, total in checksums().items() if before[table] != total}
    assert changed == {"workspaces_membership"}


def test_a_foreign_id_in_a_body_is_not_found(world: World) -> None:
    from allauth.usersessions.models import UserSession

    theirs = {"session": str(world.twins["session"])}
    with rolled_back():
        answer = world.ask("manager", "POST", reverse("usersessions_list"), theirs)
        assert answer.status_code == 404
    assert UserSession.objects.filter(pk=world.twins["session"]).exists()
    form = {"name": "x", "scope": "read", "days": "7", "workspace": world.theirs.slug}
    answer = world.call("manager", "POST", reverse("account_tokens"), form)
    assert b"Select a valid choice" in answer.content


def test_search_sort_and_pages_stay_inside_the_workspace(world: World) -> None:
    for route in ("api_members", "api_invitations", "api_workspace_audit"):
        address = world.address(route)
        for query in ("", "?limit=200", "?actor=eve" if "audit" in route else "?email=tea"):
            rows_found = world.call("manager", "GET", address + query).json()["results"]
            assert not any("tea" in str(row) or "eve@" in str(row) for row in rows_found)
    names = [row["slug"] for row in _pages(world, reverse("api_workspaces"))]
    assert names == ["paper-cups"]


def test_a_token_bound_to_one_workspace_sees_no_other(world: World) -> None:
    from tests.cast import join
    from webapp.api.actions.token import create_token

    mia = world.people["manager"]
    join(world.theirs, mia, "manager")
    _row, world.tokens["bound"] = create_token(
        user=mia, name="bound", scope="write", days=1, workspace=world.ours
    )
    world.clients["bound"] = world.clients["anonymous"]
    try:
        assert [row["slug"] for row in _pages(world, reverse("api_workspaces"), "bound")] == [
            "paper-cups"
        ]
        theirs = world.address("api_workspace", slug=world.theirs.slug)
        assert world.call("bound", "GET", theirs).status_code == 404
        assert world.call("write", "GET", theirs).status_code == 200  # the control
    finally:
        del world.tokens["bound"], world.clients["bound"]


def _pages(world: World, address: str, identity: str = "manager") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = world.call(identity, "GET", address).json()["results"]
    return found
