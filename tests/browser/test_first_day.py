"""The first day of an installation in a real browser: log in, make a workspace, invite, accept."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.browser.conftest import PATIENCE, no_sideways_scroll
from tests.cast import PASSWORD, a_workspace, admin, ann, join, mia, person, vic
from webapp.api.actions.token import create_token
from webapp.workspaces.actions.invite import invite
from webapp.workspaces.models import Membership

pytestmark = pytest.mark.django_db(transaction=True)


def test_from_the_first_login_to_an_annotator_of_your_own(
    page: Any, browser: Any, live_server: Any, axe: Callable[..., None], settings: Any
) -> None:
    admin(password=PASSWORD)
    page.goto(live_server.url)
    page.get_by_label("Email").fill("ada@rondo.test")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.get_by_role("link", name="Create the first one").click()
    page.get_by_label("Name").fill("Paper cups")
    page.get_by_role("button", name="Create workspace").click()
    page.get_by_role("heading", name="Paper cups").wait_for()
    axe(page, within="main")
    page.get_by_role("link", name="Invite people").click()
    page.get_by_label("E-mail address").fill("nia@rondo.test")
    page.get_by_label("Role").select_option("annotator")
    page.get_by_role("button", name="Invite").click()
    link = page.get_by_label("The invitation's link").inner_text().strip()
    path = link[link.index("/invitations/") :]
    axe(page, within="main")

    context = browser.new_context(locale="en")
    nias = context.new_page()
    nias.set_default_timeout(PATIENCE)
    nias.goto(live_server.url + path)
    nias.get_by_label("Your name").fill("Nia")
    nias.get_by_label("Password").fill("quite a long secret")
    axe(nias, within="main")
    nias.get_by_role("button", name="Make my account and join").click()
    nias.get_by_role("heading", name="Paper cups").wait_for()
    navigation = nias.get_by_role("navigation", name="Workspace").inner_text()
    assert "Members" not in navigation
    assert "Settings" not in navigation
    assert Membership.objects.get(user__email="nia@rondo.test").role == "annotator"

    page.goto(f"{live_server.url}/w/paper-cups/members/")
    page.get_by_label("Role of Nia").select_option("viewer")
    page.get_by_role("button", name="Change Nia").click()
    page.get_by_text("Nia is now Viewer").wait_for()
    nias.reload()
    assert "Members" in nias.get_by_role("navigation", name="Workspace").inner_text()
    page.get_by_role("link", name="Remove Nia").click()
    page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    page.get_by_text("Nia is removed").wait_for()
    assert nias.reload().status == 404
    context.close()


@pytest.fixture
def populated() -> None:
    workspace = a_workspace(description="Which answers help people choose a paper cup?")
    ann(workspace), vic(workspace), mia(workspace), admin()
    for number in range(3):
        join(workspace, person(f"worker{number}@rondo.test", name=f"Worker {number}"), "annotator")
    invite(workspace=workspace, email="nia@rondo.test", role="annotator", by=mia())
    create_token(user=mia(), name="nightly export", scope="read", days=30, workspace=workspace)
    archived = a_workspace("Tea pots")
    join(archived, mia(), "manager")


PAGES = {
    "manager": [
        "/workspaces/",
        "/w/paper-cups/",
        "/w/paper-cups/members/",
        "/w/paper-cups/invitations/",
        "/w/paper-cups/settings/",
        "/w/paper-cups/settings/archive/",
        "/w/paper-cups/audit/",
        "/account/profile/",
        "/account/sessions/",
        "/account/tokens/",
        "/api/docs/",
    ],
    "admin": [
        "/site/",
        "/site/people/",
        "/site/people/new/",
        "/site/people/{mia}/",
        "/site/workspaces/",
        "/site/audit/",
    ],
}


@pytest.mark.parametrize(("width", "theme"), [(360, "dark"), (1280, "light")])
def test_every_page_is_readable(
    page: Any,
    populated: None,
    live_server: Any,
    log_in_browser: Any,
    axe: Any,
    screenshot: Any,
    set_theme: Any,
    width: int,
    theme: str,
) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    for who, paths in PAGES.items():
        log_in_browser({"manager": mia, "admin": admin}[who]())
        set_theme(theme)
        for path in paths:
            page.goto(live_server.url + path.format(mia=mia().pk))
            screenshot(path.strip("/").format(mia="mia").replace("/", "-"))
            no_sideways_scroll(page)
            axe(page, within="main")
