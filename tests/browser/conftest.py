"""A real browser for the tests: Debian's Chromium under pytest-playwright, on a live server.

    def test_something(page, live_server, axe, keyboard, screenshot): ...

`page` fails the test when the page threw, logged an error, or broke its own policy (CSP).
"""

import json
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connections
from playwright.sync_api import expect

from webapp.jobs.runner import run_next

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
]
SCREENSHOTS = Path(__file__).parents[2] / "test-results"
PATIENCE = 30_000  # ms, for every step of every test: CI has two cores and they are busy
AXE = Path(__file__).with_name("axe.min.js")
WIDTHS = (360, 1280)
THEMES = ("light", "dark")

expect.set_options(timeout=PATIENCE)

# Playwright's own loop makes Django believe that it is called from asynchronous code.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "1")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = str(Path(__file__).parent)
    for item in items:
        if str(item.path).startswith(here):
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def browser_type_launch_args() -> dict[str, Any]:
    if not CHROMIUM.exists():
        sentence = f"{CHROMIUM} is missing: apt-get install chromium"
        if os.environ.get("CI") == "true":
            pytest.fail(sentence)
        pytest.skip(sentence)
    return {"executable_path": str(CHROMIUM), "args": FLAGS}


@pytest.fixture(scope="session")
def browser_context_args() -> dict[str, Any]:
    return {"viewport": {"width": 1280, "height": 800}, "reduced_motion": "reduce", "locale": "en"}


@pytest.fixture
def context(context: Any) -> Any:
    context.set_default_timeout(PATIENCE)
    return context


@pytest.fixture
def page(page: Any) -> Iterator[Any]:
    """The page, whose own mistakes fail the test. Expected ones: `page.expected.append("503")`."""
    mistakes: list[str] = []
    page.expected = []
    page.on("pageerror", lambda error: mistakes.append(f"threw: {error}"))
    page.on(
        "console",
        lambda said: mistakes.append(f"logged: {said.text}") if said.type == "error" else None,
    )
    yield page
    unexpected = [said for said in mistakes if not any(part in said for part in page.expected)]
    assert not unexpected, unexpected


@pytest.fixture
def axe() -> Callable[..., None]:
    """`axe(page)`: fails with the list of what axe-core finds, its best practices included."""
    source = AXE.read_text()

    def check(page: Any, *, within: str | None = None) -> None:
        page.evaluate(source)  # evaluate: the page's own policy would block a script element
        found = page.evaluate(
            "within => axe.run(within || document, {resultTypes: ['violations']})", within
        )
        violations = [
            f"{violation['id']}: {violation['help']}: {node['html'][:160]} ({node['target']})"
            f" {node['any'][0]['message'] if node['any'] else ''}"
            for violation in found["violations"]
            for node in violation["nodes"]
        ]
        assert not violations, "\n".join(violations)

    return check


@pytest.fixture
def keyboard(page: Any) -> Callable[[str], None]:
    """`keyboard("g h")` presses the keys one after another; `keyboard("Shift+Tab")` a chord.

    The page's scripts have run before the first one. A key that leads elsewhere is the last of its
    call, and the test waits for what it brings before the next call.
    """

    def press(keys: str) -> None:
        page.wait_for_load_state()
        for key in keys.split():
            page.keyboard.press(key)

    return press


@pytest.fixture
def screenshot(page: Any, request: pytest.FixtureRequest) -> Callable[..., Path]:
    """`screenshot("name")` writes test-results/<test>-name.png of the whole page."""

    def take(name: str, **options: Any) -> Path:
        SCREENSHOTS.mkdir(exist_ok=True)
        path = SCREENSHOTS / f"{request.node.name}-{name}.png".replace("/", "-")
        page.screenshot(path=path, full_page=True, **options)
        return path

    return take


@pytest.fixture
def set_theme(page: Any, live_server: Any) -> Callable[[str], None]:
    def choose(theme: str) -> None:
        page.context.add_cookies([{"name": "rondo-theme", "value": theme, "url": live_server.url}])

    return choose


@pytest.fixture
def log_in_browser(page: Any, live_server: Any, settings: Any) -> Callable[[Any], None]:
    """`log_in_browser(user)`: the session of a test client, handed to the browser."""

    def log_in(user: Any) -> None:
        from django.test import Client

        client = Client()
        client.force_login(user, backend=settings.AUTHENTICATION_BACKENDS[0])
        page.context.add_cookies(
            [
                {
                    "name": settings.SESSION_COOKIE_NAME,
                    "value": client.cookies[settings.SESSION_COOKIE_NAME].value,
                    "url": live_server.url,
                }
            ]
        )

    return log_in


@pytest.fixture
def worker() -> Iterator[None]:
    """A worker beside the server, in a thread with a connection of its own."""
    stop = threading.Event()

    def work() -> None:
        try:
            while not stop.is_set():
                if run_next(queue="default", worker="here") is None:
                    stop.wait(0.2)
        finally:
            connections.close_all()

    thread = threading.Thread(target=work)
    thread.start()
    yield
    stop.set()
    thread.join(60)
    assert not thread.is_alive()


def no_sideways_scroll(page: Any) -> None:
    """The page is not wider than its window; what sticks out is named."""
    wide = page.evaluate(
        """() => {
          const limit = document.documentElement.clientWidth;
          if (document.documentElement.scrollWidth <= limit) return null;
          return [...document.querySelectorAll("body *")]
            .filter((e) => e.getBoundingClientRect().right > limit + 1)
            .filter((e) => !e.parentElement.closest("pre, .table-scroll, .tabs, .prose table"))
            .slice(0, 8).map((e) => e.outerHTML.slice(0, 120));
        }"""
    )
    assert wide is None, json.dumps(wide, indent=1)
