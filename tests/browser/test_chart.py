"""Curves in a real browser: drawn, told as a table, kept up to date, also after a failure."""

import json
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.cast import a_workspace, mia


@pytest.fixture
def design(page: Any, live_server: Any, settings: Any, log_in_browser: Any) -> Any:
    settings.DEBUG = True
    log_in_browser(mia(a_workspace()))
    return page


@pytest.fixture
def followed(design: Any, live_server: Any) -> Any:
    """/design, whose first chart follows an address that answers from `answers`, in turn."""
    design.answers = []
    design.asked = []

    def give(route: Any) -> None:
        design.asked.append(route.request.url)
        status, body = design.answers.pop(0) if design.answers else (286, {"x": [], "series": []})
        if status == 286:
            body = {"x": {"values": []}, "series": []}
        route.fulfill(status=status, content_type="application/json", body=json.dumps(body))

    def follow(route: Any) -> None:
        reply = route.fetch()
        wired = 'id="light-chart" data-chart data-url="/points" data-every="50"'
        route.fulfill(
            response=reply, body=reply.text().replace('id="light-chart" data-chart', wired)
        )

    design.route("**/points*", give)
    design.route("**/design", follow)
    return design


def rows(page: Any) -> list[str]:
    chart = page.locator("#light-chart")
    if chart.locator("details").get_attribute("open") is None:
        chart.locator("summary").click()
    return chart.locator(".chart-table tbody tr").all_inner_texts()


def test_a_chart_draws_its_series_and_names_them(design, live_server):
    design.goto(f"{live_server.url}/design")
    chart = design.locator("#light-chart")
    expect(chart.locator("canvas")).to_have_count(1)
    expect(chart.locator(".u-legend")).to_contain_text("held-out loss")
    painted = chart.locator("canvas").evaluate(
        "c => c.getContext('2d').getImageData(0, 0, c.width, c.height).data.some((v) => v)"
    )
    assert painted


def test_a_chart_is_a_table_too(design, live_server):
    design.goto(f"{live_server.url}/design")
    shown = rows(design)
    assert len(shown) == 200
    assert shown[0].split() == ["0", "2.55", "2.7"]


def test_log_and_smooth_redraw_without_a_mistake(design, live_server):
    design.goto(f"{live_server.url}/design")
    chart = design.locator("#light-chart")
    before = chart.locator("canvas").evaluate("c => c.toDataURL()")
    chart.locator("[data-smooth]").fill("0.9")
    smoothed = chart.locator("canvas").evaluate("c => c.toDataURL()")
    chart.locator("[data-log]").check()
    after = chart.locator("canvas").evaluate("c => c.toDataURL()")
    assert len({before, smoothed, after}) == 3


def test_dragging_zooms_and_one_click_goes_back(design, live_server):
    design.goto(f"{live_server.url}/design")
    chart = design.locator("#light-chart")
    over = chart.locator(".u-over")
    over.scroll_into_view_if_needed()
    box = over.bounding_box()
    design.mouse.move(box["x"] + 40, box["y"] + 40)
    design.mouse.down()
    design.mouse.move(box["x"] + 140, box["y"] + 42, steps=4)
    design.mouse.up()
    button = chart.get_by_role("button", name="Whole range")
    expect(button).to_be_visible()
    design.reload()  # a zoom is kept
    expect(button).to_be_visible()
    button.click()
    expect(button).to_be_hidden()
    design.reload()
    expect(chart.locator(".u-legend")).to_be_visible()
    expect(button).to_be_hidden()


def test_a_chart_follows_its_run_until_286(followed, live_server):
    more = {"x": {"values": [400]}, "series": [{"label": "training loss", "values": [0.25]}]}
    followed.answers[:] = [(200, more), (286, {})]
    followed.goto(f"{live_server.url}/design")
    expect(followed.locator("#light-chart .u-legend")).to_be_visible()
    followed.wait_for_function(
        "() => performance.getEntriesByName(location.origin + '/points?after=400').length"
    )
    assert followed.asked == [
        f"{live_server.url}/points?after=398",
        f"{live_server.url}/points?after=400",
    ]
    followed.locator("#light-chart summary").click()
    # The answer is drawn some moments after it was asked for; the other series has a gap.
    last = followed.locator("#light-chart .chart-table tbody tr").last
    expect(last.locator("th, td")).to_have_text(["400", "0.25", "–"])


def test_a_chart_asks_again_after_a_failure(followed, live_server):
    followed.expected.append("503")
    followed.answers[:] = [(503, {}), (286, {})]
    followed.goto(f"{live_server.url}/design")
    followed.wait_for_function(
        """() => performance.getEntriesByType("resource")
             .filter((entry) => entry.name.includes("/points")).length >= 2"""
    )
    assert len(followed.asked) == 2
