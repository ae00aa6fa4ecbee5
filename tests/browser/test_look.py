"""The look in a real browser: accessible, narrow enough, usable by keyboard and without script."""

import re
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import PATIENCE, THEMES, WIDTHS, no_sideways_scroll
from tests.cast import a_workspace, mia

PAGES = {
    "login": "/account/login/",
    "reset": "/account/password/reset/",
    "missing": "/nothing/",
    "workspace": "/w/paper-cups/",
    "profile": "/account/profile/",
    "password": "/account/password/change/",
    "factor": "/account/2fa/",
    "sessions": "/account/sessions/",
    "linked": "/account/linked/",
    "design": "/design",
}
ALL_FOUR = {"login", "workspace"}  # the others are seen light and wide, dark and narrow
BEFORE_LOGIN = {"login", "reset", "missing"}


@pytest.fixture
def design(page: Any, live_server: Any, settings: Any, log_in_browser: Any) -> Any:
    settings.DEBUG = True
    log_in_browser(mia(a_workspace()))
    page.goto(f"{live_server.url}/design")
    return page


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_accessible_and_fits_in_both_themes_and_widths(
    page, live_server, settings, log_in_browser, set_theme, axe, screenshot, name
):
    settings.DEBUG = name == "design"
    if name == "missing":
        page.expected.append("404")
    if name not in BEFORE_LOGIN:
        log_in_browser(mia(a_workspace()))
    every = [(theme, width) for theme in THEMES for width in WIDTHS]
    across = [("light", 1280), ("dark", 360)]
    for theme, width in every if name in ALL_FOUR else across:
        set_theme(theme)
        page.set_viewport_size({"width": width, "height": 800})
        page.goto(live_server.url + PAGES[name])
        no_sideways_scroll(page)
        screenshot(f"{theme}-{width}")
        axe(page)


def test_the_question_mark_lists_the_shortcuts_and_escape_closes_the_list(design, keyboard, axe):
    keyboard("?")
    dialog = design.locator("dialog#keys")
    expect(dialog).to_be_visible()
    expect(dialog.locator("dt", has_text="Go to your workspaces")).to_be_visible()
    axe(design, within="#keys")
    keyboard("Escape")
    expect(dialog).to_be_hidden()


def test_two_keys_after_one_another_lead_somewhere(design, keyboard):
    keyboard("g h")
    design.wait_for_url(re.compile(r"/w/paper-cups/$|/$"))


def test_keys_typed_into_a_field_are_text(design, keyboard):
    field = design.locator("#light_name")
    field.focus()
    keyboard("? g h")
    expect(field).to_have_value("?gh")
    expect(design.locator("dialog#keys")).to_be_hidden()


def test_shortcuts_can_be_turned_off(design, keyboard):
    keyboard("?")
    design.locator("[data-keys-on]").uncheck()
    keyboard("Escape ?")
    expect(design.locator("dialog#keys")).to_be_hidden()


def test_the_first_tab_stop_skips_to_the_content(page, live_server, transactional_db, keyboard):
    page.goto(f"{live_server.url}/account/login/")
    page.locator("body").press("Tab")  # the login page focuses no field by itself
    expect(page.locator(".skip")).to_be_focused()
    keyboard("Enter")
    expect(page.locator("main")).to_be_focused()


def test_the_theme_changes_at_once_and_stays(page, live_server, transactional_db):
    page.goto(f"{live_server.url}/account/login/")
    page.get_by_role("button", name="Dark").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.reload()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    expect(page.get_by_role("button", name="Dark")).to_have_attribute("aria-pressed", "true")


@pytest.fixture
def scriptless(browser: Any, live_server: Any, settings: Any, transactional_db: None) -> Any:
    settings.DEBUG = True
    context = browser.new_context(java_script_enabled=False, viewport={"width": 360, "height": 800})
    context.set_default_timeout(PATIENCE)
    yield context.new_page()
    context.close()


def test_theme_and_confirmation_work_without_script(scriptless, live_server):
    scriptless.goto(f"{live_server.url}/account/login/")
    scriptless.get_by_role("button", name="Dark").click()
    expect(scriptless.locator("html")).to_have_attribute("data-theme", "dark")
    scriptless.goto(f"{live_server.url}/design")
    scriptless.locator("a[data-confirm]").first.click()
    expect(scriptless.locator("h1")).to_have_text(re.compile("^Delete the campaign"))
    assert "12 annotators" in scriptless.locator(".takes").inner_text()
    assert scriptless.locator(".needs-script").first.is_hidden()


def test_the_navigation_opens_on_a_phone_without_script(scriptless, live_server):
    scriptless.goto(f"{live_server.url}/design")
    side = scriptless.locator("#navigation")
    expect(side).to_be_hidden()
    scriptless.get_by_role("button", name="Navigation").click()
    expect(side).to_be_visible()


def test_a_destructive_act_is_confirmed_in_a_dialog(design, axe):
    design.locator("a[data-confirm]").first.click()
    dialog = design.locator("dialog#confirmation")
    expect(dialog).to_be_visible()
    expect(dialog).to_contain_text("3,418 votes of 12 annotators")
    axe(design, within="#confirmation")
    dialog.get_by_role("link", name="Cancel").click()
    expect(dialog).to_be_hidden()
    assert design.url.endswith("/design")


def test_a_fragment_says_that_it_worked(design):
    design.locator("button[value=good]").first.click()
    toast = design.locator("#toasts .notice.good")
    expect(toast).to_have_text("Saved.")
    toast.get_by_role("button").click()
    expect(toast).to_have_count(0)


def test_a_failed_request_keeps_the_text_and_offers_another_try(design):
    design.expected += ["503", "Response Status"]
    design.locator("#light_name").fill("typed")
    design.locator("button[value=gone]").first.click()
    toast = design.locator("#toasts .notice.bad")
    expect(toast).to_contain_text("What you typed is still here")
    with design.expect_response(lambda answer: answer.status == 503):
        toast.get_by_role("button", name="Try again").click()
    expect(design.locator("#light_name")).to_have_value("typed")


def test_a_lost_connection_is_said(design):
    design.expected += ["ERR_", "htmx"]
    design.route("**/design", lambda route: route.abort())
    design.locator("button[value=good]").first.click()
    expect(design.locator("#toasts .notice.bad")).to_contain_text("cannot be reached")


def test_a_login_page_never_replaces_a_fragment(design, live_server):
    def to_login(route: Any) -> None:
        if route.request.method == "POST":
            route.fulfill(status=302, headers={"location": "/account/login/?next=/x"})
        else:
            route.fallback()

    design.route("**/design", to_login)
    design.context.clear_cookies()
    form = design.locator("form[hx-post]").first
    form.evaluate("form => form.setAttribute('hx-swap', 'innerHTML')")
    design.locator("button[value=good]").first.click()
    expect(design.locator("#toasts .notice.bad")).to_contain_text("logged out")
    expect(form.locator("button")).to_have_count(3)


def test_a_menu_closes_on_escape_and_on_a_click_elsewhere(design, keyboard):
    menu = design.locator("details.menu").first
    menu.locator("summary").click()
    expect(menu).to_have_attribute("open", "")
    keyboard("Escape")
    expect(menu).not_to_have_attribute("open", "")
    expect(menu.locator("summary")).to_be_focused()
    menu.locator("summary").click()
    design.locator("h1").first.click()
    expect(menu).not_to_have_attribute("open", "")


def test_a_code_is_copied(design):
    design.context.grant_permissions(["clipboard-read", "clipboard-write"])
    block = design.locator("#about-code .copyable").first
    block.hover()
    block.get_by_role("button", name="Copy").click()
    design.wait_for_function(
        "async () => (await navigator.clipboard.readText()).includes('Authorization')"
    )


def test_times_are_told_in_the_readers_zone(browser, live_server, settings, transactional_db):
    settings.DEBUG = True
    context = browser.new_context(timezone_id="Asia/Tokyo", locale="en")
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    page.goto(f"{live_server.url}/design")
    shown = page.locator("#about-times time").first
    expect(shown).to_have_text("3 hours ago")
    expect(shown).to_have_attribute("title", re.compile(r"GMT\+9"))
    context.close()


def test_a_printed_page_has_no_navigation(design):
    design.emulate_media(media="print")
    expect(design.locator("#navigation")).to_be_hidden()
    expect(design.locator("h1").first).to_be_visible()
