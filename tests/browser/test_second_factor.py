"""A person sets up the second factor and logs in with it; every page on the way is accessible."""

import base64
import hashlib
import hmac
import struct
import time
from typing import Any

from playwright.sync_api import expect

from tests.cast import PASSWORD, a_workspace, mia


def code_of(secret: str) -> str:
    """RFC 6238 with its defaults: what an authenticator app shows now."""
    counter = struct.pack(">Q", int(time.time()) // 30)
    key = base64.b32decode(secret + "=" * (-len(secret) % 8))
    digest = hmac.new(key, counter, hashlib.sha1).digest()
    start = digest[-1] & 15
    number = struct.unpack(">I", digest[start : start + 4])[0] & 0x7FFFFFFF
    return f"{number % 1_000_000:06}"


def log_in(page: Any, live_server: Any) -> None:
    page.goto(f"{live_server.url}/account/login/")
    page.fill("[name=login]", "mia@rondo.test")
    page.fill("[name=password]", PASSWORD)
    page.get_by_role("button", name="Log in").click()


def test_a_person_sets_up_a_second_factor_and_logs_in_with_it(
    page, live_server, transactional_db, axe
):
    mia(a_workspace(), password=PASSWORD)
    log_in(page, live_server)
    page.goto(f"{live_server.url}/account/2fa/totp/activate/")
    if "/reauthenticate/" in page.url:
        axe(page)
        page.fill("[name=password]", PASSWORD)
        page.get_by_role("button", name="Confirm").click()
    expect(page.locator(".qr svg path")).to_be_visible()
    axe(page)
    secret = page.locator("[data-copyable] code").inner_text().strip()
    page.fill("[name=code]", code_of(secret))
    page.get_by_role("button", name="Turn it on").click()

    expect(page.locator("h1")).to_have_text("Recovery codes")
    axe(page)
    recovery = page.locator("pre.codes code").inner_text().split()
    assert len(recovery) == 10
    page.goto(f"{live_server.url}/account/2fa/")
    expect(page.locator(".badge.good")).to_have_text(["On", "10 left"])
    axe(page)

    page.context.clear_cookies()
    log_in(page, live_server)
    expect(page.locator("h1")).to_have_text("Second factor")
    axe(page)
    page.fill("[name=code]", recovery[0])
    page.get_by_role("button", name="Log in").first.click()
    expect(page.locator("h1")).to_have_text("Paper cups")
