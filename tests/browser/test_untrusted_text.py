"""Three layers stand before a hostile text: parser, sanitiser, policy. Each alone holds.

Pages made here carry the payloads; `alert` leaves a trace instead of a window.
"""

import contextlib
import html
from collections.abc import Callable
from typing import Any

import pytest
from latex2mathml.converter import convert as unguarded
from latex2mathml.converter import convert_to_element

from tests.webapp.rendering.allowed import ATTRIBUTES, ELEMENTS
from tests.webapp.rendering.hostile_formulas import TEXTS as FORMULAS
from tests.webapp.rendering.hostile_formulas import written
from tests.webapp.rendering.payloads import PAYLOADS
from webapp.rendering import formulas, render_markdown, sanitiser
from webapp.rendering.markdown import _parser

TRACE = """
if (window === window.top) window.ran = [];
window.alert = () => window.top.ran.push(window.name);
"""
# Clicks what a person might click, in the page and in its frames; waits for what starts by itself.
PROVOKE = """async () => {
  const inside = [document];
  for (const frame of document.querySelectorAll("iframe[data-payload]"))
    if (frame.contentDocument) inside.push(frame.contentDocument);
  for (const place of inside)
    for (const e of place.querySelectorAll("a, button, mi, text, div, b"))
      try { e.dispatchEvent(new MouseEvent("click", {bubbles: true, cancelable: true})); } catch {}
  await new Promise((done) => setTimeout(done, 300));
  return [...new Set(window.ran)];
}"""


@pytest.fixture
def show(page: Any, live_server: Any) -> Callable[..., list[str]]:
    """`show(body, policy)` opens a page of Rondo's origin; returns the addresses it asked for."""
    asked: list[str] = []
    page.expected.append("")  # hostile pages may complain
    page.context.add_init_script(TRACE)
    page.on("request", lambda request: asked.append(request.url))
    htmx = f"{live_server.url}/static/vendor/htmx.min.js"
    page_url = f"{live_server.url}/shown"

    def open_page(body: str, policy: str | None = None) -> list[str]:
        headers = {"content-type": "text/html; charset=utf-8"}
        if policy:
            headers["content-security-policy"] = policy

        def answer(route: Any) -> None:
            if route.request.url == page_url:
                start = f'<!doctype html><meta charset="utf-8"><script src="{htmx}"></script>'
                route.fulfill(headers=headers, body=f"{start}<body>{body}")
            elif route.request.url == htmx:
                route.continue_()
            else:
                route.fulfill(status=404, body="")

        page.route("**/*", answer)
        page.goto(page_url)
        return [url for url in asked if url not in (page_url, htmx)]

    return open_page


def together(texts: list[str]) -> str:
    return "".join(f'<div class="prose" hx-disable>{text}</div>' for text in texts)


def apart(payloads: list[str]) -> str:
    """Each payload in a document of its own, which has the policy of the page around it."""
    library = '<script src="/static/vendor/htmx.min.js"></script>'
    return "".join(
        f'<iframe data-payload name="payload {number}" srcdoc="'
        f'{html.escape((library if "hx-" in payload else "") + payload)}"></iframe>'
        for number, payload in enumerate(payloads)
    )


def test_rendered_payloads_hold_nothing_but_the_allow_list(page, show):
    asked = show(together([str(render_markdown(payload).html) for payload in PAYLOADS]))
    found = page.evaluate(
        """() => [...document.querySelectorAll(".prose *")].flatMap((e) =>
             [[e.localName, ""], ...[...e.attributes].map((a) => [e.localName, a.name])])"""
    )
    forbidden = {
        (element, attribute)
        for element, attribute in found
        if element not in ELEMENTS or (attribute and (element, attribute) not in ATTRIBUTES)
    }
    assert forbidden == set()
    assert asked == []
    assert page.evaluate(PROVOKE) == []
    assert page.locator(".prose").count() == len(PAYLOADS)


@pytest.mark.parametrize("layer", ["parser", "sanitiser"])
def test_one_layer_alone_lets_no_script_run_and_nothing_load(page, show, layer):
    def parsed(payload: str) -> str:
        parser = _parser()
        env: dict[str, Any] = {}
        return str(parser.renderer.render(parser.parse(payload, env), parser.options, env))

    clean = {"parser": parsed, "sanitiser": sanitiser.clean}[layer]
    asked = show(together([clean(payload) for payload in PAYLOADS]))
    assert page.evaluate(PROVOKE) == []
    assert asked == []


def test_no_hostile_formula_runs_or_loads_anything_behind_either_layer_alone(page, show):
    shown = [render_markdown(text).html for formula in FORMULAS for text in written(formula)]
    for formula in FORMULAS:
        with contextlib.suppress(Exception):  # what the library itself refuses
            shown.append(formulas.clean(unguarded(formula)))
            shown.append(formulas._element(convert_to_element(formula), formulas.DEEPEST))
    asked = show(together([str(each) for each in shown]))
    assert page.evaluate(PROVOKE) == []
    assert asked == []
    assert page.locator("math").count() > 50  # there was something to look at
    show(together([unguarded(r"\mbox{<svg/onload=alert(1)>}")]))
    assert page.evaluate(PROVOKE) == [""]  # the control: without a layer it runs


def test_the_policy_alone_lets_no_script_run(page, show, client, db):
    policy = client.get("/account/login/").headers["Content-Security-Policy"]
    show(apart(PAYLOADS), policy)
    assert page.evaluate(PROVOKE) == []
    parsed = page.evaluate(
        """() => [...document.querySelectorAll("iframe[data-payload]")]
             .filter((frame) => frame.contentDocument?.body?.hasChildNodes()).length"""
    )
    assert parsed >= 200  # the policy let the payloads in, and stopped what they tried


def test_without_any_layer_most_kinds_of_them_run(page, show):
    """The control: the corpus is alive, and a script that runs leaves its trace."""
    show(apart(PAYLOADS))
    assert len(page.evaluate(PROVOKE)) >= 60
