"""E11: a session changes nothing without its CSRF token, and a GET changes nothing at all."""

from typing import Any

import pytest
from django.middleware.csrf import _get_new_csrf_string
from django.test import Client
from django.urls import reverse

from tests.access.world import World, checksums, rolled_back
from tests.permissions_matrix import Row, request_of, rows

pytestmark = [pytest.mark.heavy, pytest.mark.django_db]
SESSIONS = ("manager", "admin", "annotator", "anonymous")


def unsafe() -> list[tuple[Row, str]]:
    """Every unsafe row with an identity of the browser that gets through."""
    return [
        (row, name)
        for row in rows()
        if row.method != "GET" and (name := row.somebody(*SESSIONS)) is not None
    ]


def checked_client(world: World, identity: str) -> Client:
    client = Client(enforce_csrf_checks=True)
    client.cookies = world.clients[identity].cookies.__class__(
        {name: each.value for name, each in world.clients[identity].cookies.items()}
    )
    return client


def send(client: Client, row: Row, world: World, **headers: str) -> Any:
    with rolled_back():
        address, data = request_of(row, world)
        options: dict[str, Any] = {"headers": headers}
        if address.startswith("/api/"):
            options["content_type"] = "application/json"
        return getattr(client, row.method.lower())(address, data, **options)


@pytest.mark.heavy
def test_every_unsafe_address_refuses_a_session_without_the_csrf_token(
    world: World, settings: Any
) -> None:
    wrong = [
        f"{row.route} {row.method}: {answer.status_code}"
        for row, identity in unsafe()
        if (answer := send(checked_client(world, identity), row, world)).status_code != 403
    ]
    assert not wrong, "\n".join(wrong)
    assert len(unsafe()) > 50


@pytest.mark.heavy
def test_control_with_the_csrf_token_the_same_requests_pass(world: World, settings: Any) -> None:
    secret = _get_new_csrf_string()
    wrong = []
    for row, identity in unsafe():
        client = checked_client(world, identity)
        client.cookies[settings.CSRF_COOKIE_NAME] = secret
        answer = send(client, row, world, **{"X-CSRFToken": secret})
        if answer.status_code != row.statuses[identity]:
            wrong.append(f"{row.route} {row.method}: {answer.status_code}")
    assert not wrong, "\n".join(wrong)


def test_a_token_makes_the_api_blind_for_cookies(world: World) -> None:
    client = checked_client(world, "annotator")
    me = reverse("api_me")
    token = {"Authorization": f"Bearer {world.tokens['write']}"}
    assert client.get(me).json()["email"] == "ann@rondo.test"
    assert client.get(me, headers=token).json()["email"] == "mia@rondo.test"
    changed = client.patch(me, {"name": "Mia M."}, content_type="application/json", headers=token)
    assert (changed.status_code, changed.json()["email"]) == (200, "mia@rondo.test")  # no CSRF
    for broken in ("Bearer nonsense", "Basic bWlhOng=", "Bearer"):
        answer = client.get(me, headers={"Authorization": broken})
        assert answer.status_code == 401  # and not ann, whose cookie is good


# allauth notes when recovery codes were first shown.
NOTED = {("mfa_view_recovery_codes", "mfa_authenticator")}
NOTED |= {("mfa_download_recovery_codes", "mfa_authenticator")}


@pytest.mark.heavy
def test_no_get_changes_anything(world: World) -> None:
    changing = set()
    for row in rows():
        if row.method != "GET":
            continue
        with rolled_back():
            address, data = request_of(row, world)
            before = checksums()
            for identity in ("anonymous", "annotator", "manager", "admin", "write"):
                world.ask(identity, "GET", address, data)
            after = checksums()
            changing |= {(row.route, table) for table in after if after[table] != before[table]}
    assert changing == NOTED  # the control: what these two change is seen
