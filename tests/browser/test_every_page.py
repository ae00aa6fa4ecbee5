"""Every page of the product, with a workspace that has one of everything and with an empty one.

A page fits a telephone, logs no error, shows nothing that only a program understands, and is found
accessible in both themes. `PICTURES=FOLDER` keeps a picture of each page in two themes and three
widths as well, for somebody to look at; docs/developers.md says how.
"""

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.access.world import World, build, parameter_names
from tests.browser.conftest import THEMES, no_sideways_scroll
from tests.cast import a_workspace, join
from tests.permissions_matrix import Row, request_of, rows

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]
PICTURES = os.environ.get("PICTURES", "")
WIDTHS = (360, 1280, 1920)
# What a template shows when a value, a tag or a translation is missing.
UNREADABLE = re.compile(
    r"\bNone[,;)]|\{\{|\{%|%\(\w+\)|\bundefined\b|\bNaN\b|\[object |Traceback|"
    r"\b\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)?\+00:00"
)
# A value that is missing; a choice may be called so.
NONE = """() => [...document.querySelectorAll("main :not(label, option, button, script)")]
  .filter((e) => e.textContent.trim() === "None" && !e.closest("label, option, fieldset"))
  .map((e) => e.outerHTML.slice(0, 160))"""
AS_SOMEBODY = ("manager", "admin", "anonymous")
OF_ONESELF = ("account", "mfa", "socialaccount", "invitation")  # some of these end a session
# Leads away, or ends the session that looks.
LEFT_OUT = {"account_logout", "admin_reports"}


def pages(world: World, wanted: Callable[[Row], bool]) -> Iterator[tuple[str, str, str]]:
    """(route, identity, address) of every address that answers somebody with a page."""
    happened: set[Any] = set()
    for row in rows():
        if row.method != "GET" or row.route in LEFT_OUT or not wanted(row):
            continue
        who = row.somebody(*AS_SOMEBODY)
        if who is None or row.statuses[who] != 200:
            continue
        if row.setup.before in happened:  # once is enough here, where nothing is rolled back
            row = replace(row, setup=replace(row.setup, before=None))
        happened.add(row.setup.before)
        address, _data = request_of(row, world)
        answer = world.ask(who, "GET", address)
        html = "text/html" in answer.get("Content-Type", "")
        if html and answer.status_code == 200 and b"<html" in _body(answer)[:2000]:
            yield row.route, who, address


def _body(answer: Any) -> bytes:
    return b"" if answer.streaming else answer.content


@pytest.fixture
def look_at(page: Any, live_server: Any, axe: Any, settings: Any) -> Callable[..., list[str]]:
    """`look_at(client, name, address)`: what is wrong with the page, as sentences."""

    def look(client: Any, name: str, address: str) -> list[str]:
        page.context.clear_cookies()
        kept = client.cookies.get(settings.SESSION_COOKIE_NAME)
        if kept is not None and kept.value:
            page.context.add_cookies(
                [
                    {
                        "name": settings.SESSION_COOKIE_NAME,
                        "value": kept.value,
                        "url": live_server.url,
                    }
                ]
            )
        wrong: list[str] = []
        logged: list[str] = []

        def heard(said: Any) -> None:
            if said.type == "error":
                logged.append(said.text)

        page.on("console", heard)
        for theme in THEMES:
            page.context.add_cookies(
                [{"name": "rondo-theme", "value": theme, "url": live_server.url}]
            )
            page.set_viewport_size({"width": WIDTHS[0], "height": 800})
            page.goto(live_server.url + address, wait_until="load")
            for width in WIDTHS:
                page.set_viewport_size({"width": width, "height": 800})
                wrong += _said(name, f"{width} wide", lambda: no_sideways_scroll(page))
                if PICTURES:
                    Path(PICTURES).mkdir(parents=True, exist_ok=True)
                    file = f"{name}-{theme}-{width}.png".replace(":", "-")
                    page.screenshot(path=Path(PICTURES) / file, full_page=True)
            wrong += _said(name, theme, lambda: axe(page))
            if theme == THEMES[0]:
                shown = page.evaluate("document.body.innerText")
                wrong += [f"{name}: shows {each!r}" for each in unreadable(shown)]
                wrong += [
                    f"{name}: shows nothing but None in {each}" for each in page.evaluate(NONE)
                ]
        page.remove_listener("console", heard)
        return wrong + [f"{name}: logged {said}" for said in logged]

    return look


def _said(name: str, where: str, check: Callable[[], None]) -> list[str]:
    try:
        check()
    except AssertionError as error:
        return [f"{name}, {where}: {str(error)[:1500]}"]
    return []


def unreadable(text: str) -> list[str]:
    text = text.replace("{{ field }}, as promptsource", "")  # a page explains this notation
    return [
        text[max(0, found.start() - 40) : found.end() + 20] for found in UNREADABLE.finditer(text)
    ]


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("by None, today", True),
        ("Hello %(name)s", True),
        ("{{ count }} prompts", True),
        ("2026-11-22 03:02:01+00:00", True),
        ("None of these is wrong. Nothing yet.", False),
        ("22 November 2026, 03:02", False),
    ],
)
def test_control_what_no_person_can_read_is_seen(text: str, seen: bool) -> None:
    assert bool(unreadable(text)) == seen


def test_every_page_with_something_in_it(look_at: Any, page: Any) -> None:
    """What must have happened before a page (a second factor, an archived workspace) comes last: it
    changes what others show."""
    world = build()
    found: list[str] = []
    seen = set()
    for wanted in (
        lambda row: not row.setup.before and not row.route.startswith(OF_ONESELF),
        lambda row: not row.setup.before and row.route.startswith(OF_ONESELF),
        lambda row: bool(row.setup.before),
    ):
        for route, who, address in pages(world, wanted):
            seen.add(route)
            found += look_at(world.clients[who], route, address)
    assert len(seen) > 120
    assert not found, "\n".join(found)


def test_every_page_of_an_empty_workspace(look_at: Any, page: Any) -> None:
    """Each list says what to do next, by a link, a button or a form."""
    world = build()
    empty = a_workspace("Empty cups")
    join(empty, world.people["manager"], "manager")
    world.kwargs = {"slug": empty.slug}
    found: list[str] = []
    seen = set()
    for route, who, address in pages(
        world,
        lambda row: not row.setup.before and parameter_names(row.route) == frozenset({"slug"}),
    ):
        seen.add(route)
        found += look_at(world.clients[who], f"empty-{route}", address)
        ways = page.locator("main a[href], main button, main form").count()
        found += [] if ways else [f"{route}: an empty workspace leads nowhere from here"]
    assert len(seen) > 20
    assert not found, "\n".join(found)
