"""E1, E2: every address, method and identity is classified; every address works for somebody."""

from dataclasses import dataclass, replace
from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, URLResolver, get_resolver, path

from tests.access.world import IDENTITIES, World, routes
from tests.permissions_matrix import SETUPS, UNREACHED, Row, Setup, request_of, rows
from webapp.workspaces.access import page

pytestmark = pytest.mark.django_db
LOGIN = "/account/login/"
# What only the other workspace holds: nobody outside it may meet these words.
CANARIES = (b"Tea pots", b"tea-pots", b"ann@tea.test", b"eve@rondo.test")
OUTSIDERS = ("annotator", "viewer", "manager", "read", "write")


@dataclass(frozen=True)
class Answer:
    status: int
    location: str
    leaked: tuple[bytes, ...]


def ask_all(world: World, wanted: list[Row]) -> dict[tuple[str, str, str], Answer]:
    answers = {}
    for row in wanted:
        for identity in IDENTITIES:
            with world.without_trace(identity):
                response = world.ask(identity, row.method, *request_of(row, world))
                body = b"".join(response) if response.streaming else response.content
            answers[row.route, row.method, identity] = Answer(
                response.status_code,
                response.get("Location", ""),
                tuple(word for word in CANARIES if word in body),
            )
    return answers


@pytest.fixture(scope="module")
def answers(world: World) -> dict[tuple[str, str, str], Answer]:
    return ask_all(world, rows())


def differences(patterns: list[URLPattern | URLResolver], listed: list[Row]) -> dict[str, Any]:
    found = {(name, method) for name, method, _ in routes(patterns)}
    known = {(row.route, row.method) for row in listed}
    return {"unclassified": sorted(found - known), "stale": sorted(known - found)}


def wrong(given: dict[tuple[str, str, str], Answer], listed: list[Row]) -> list[str]:
    return [
        f"{row.route} {row.method} as {identity}: {answer.status}, expected {expected}"
        for row in listed
        for identity, expected in row.statuses.items()
        if (answer := given[row.route, row.method, identity]).status != expected
    ]


def observed(world: World, unclassified: list[tuple[str, str]]) -> str:
    """The missing lines as answered now, for a person to judge: is that who may?"""
    missing = [Row(*each, {}, SETUPS.get(each, Setup())) for each in unclassified]
    given = ask_all(world, missing)
    return "\n".join(
        f"{row.route:36} {row.method:6} "
        + " ".join(str(given[row.route, row.method, each].status) for each in IDENTITIES)
        for row in missing
    )


def test_every_address_has_its_line_and_no_line_is_stale(world: World) -> None:
    found = differences(get_resolver().url_patterns, rows())
    assert not found["unclassified"], "Judge these:\n" + observed(world, found["unclassified"])
    assert not found["stale"], found["stale"]
    assert len({(row.route, row.method) for row in rows()}) == len(rows())


def test_control_a_new_address_is_reported_and_so_is_one_that_went() -> None:
    @page(methods=("GET", "POST"))
    def dummy(request: HttpRequest) -> HttpResponse:
        return HttpResponse()

    patterns = [*get_resolver().url_patterns, path("dummy/", dummy, name="dummy")]
    found = differences(patterns, rows())
    assert found["unclassified"] == [("dummy", "GET"), ("dummy", "POST")]
    gone = [each for each in get_resolver().url_patterns if str(each.pattern) != "site/"]
    assert ("site_people", "GET") in differences(gone, rows())["stale"]


@pytest.mark.heavy
def test_everybody_gets_the_answer_of_the_table(answers: Any) -> None:
    found = wrong(answers, rows())
    assert not found, "\n".join(found)


@pytest.mark.heavy
def test_control_a_wrong_line_is_reported(answers: Any) -> None:
    row = next(row for row in rows() if row.route == "workspace_settings")
    opened = replace(row, statuses=row.statuses | {"viewer": 200})
    assert wrong(answers, [opened]) == ["workspace_settings GET as viewer: 403, expected 200"]


@pytest.mark.heavy
def test_every_address_works_for_somebody(answers: Any) -> None:
    """With 2xx; an address that only takes POST may answer with the way to the next page."""
    with_get = {row.route for row in rows() if row.method == "GET"}
    reached = {
        route
        for (route, _, _), answer in answers.items()
        if answer.status < 300
        or (route not in with_get and answer.status < 400 and not answer.location.startswith(LOGIN))
    }
    unreached = {row.route for row in rows()} - reached
    assert unreached == set(UNREACHED)  # the control: these are seen as unreached


@pytest.mark.heavy
def test_no_answer_speaks_of_another_workspace(answers: Any) -> None:
    leaks = [
        f"{route} {method} as {identity}: {answer.leaked}"
        for (route, method, identity), answer in answers.items()
        if identity in OUTSIDERS and answer.leaked
    ]
    assert not leaks, "\n".join(leaks)


@pytest.mark.heavy
def test_control_the_other_workspace_is_seen_by_those_who_may(answers: Any) -> None:
    assert answers["site_workspaces", "GET", "admin"].leaked
    assert answers["account_profile", "GET", "stranger"].leaked
