"""The second factor: an authenticator app, recovery codes, and the admin who takes it off."""

import time
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from django.core.exceptions import ValidationError
from django.db import connection
from django.test import Client

from tests.cast import PASSWORD, admin, ann
from webapp.accounts.actions.administer_person import remove_second_factor

pytestmark = [pytest.mark.heavy, pytest.mark.django_db]
ACTIVATE = "/account/2fa/totp/activate/"


def code_for(secret: str) -> str:
    return format_hotp_value(hotp_value(secret, int(time.time()) // 30))


def log_in(client: Client, **extra: Any) -> Any:
    form = {"login": "ann@rondo.test", "password": PASSWORD}
    return client.post("/account/login/", form, **extra)


def with_app() -> tuple[Client, str, list[str]]:
    """Ann, logged in, with an authenticator app: (her browser, its secret, recovery codes)."""
    ann(password=PASSWORD)
    client = Client()
    log_in(client)
    client.post("/account/reauthenticate/", {"password": PASSWORD})
    page = client.get(ACTIVATE)
    assert b"<svg" in page.content  # the QR code is part of the page: no data: image
    assert b"data:image" not in page.content
    secret = page.context["form"].secret
    assert client.post(ACTIVATE, {"code": code_for(secret)}).status_code == 302
    codes = client.get("/account/2fa/recovery-codes/download/").content.decode().split()
    return client, secret, codes


def test_the_password_alone_is_no_longer_enough() -> None:
    _client, secret, _codes = with_app()
    other = Client()
    assert log_in(other)["Location"].startswith("/account/2fa/authenticate/")
    assert other.get("/account/profile/").status_code == 302
    assert other.get("/account/2fa/authenticate/").status_code == 200
    assert b"Incorrect code" in other.post("/account/2fa/authenticate/", {"code": "000000"}).content
    other.post("/account/2fa/authenticate/", {"code": code_for(secret)})
    assert other.get("/account/profile/").status_code == 200


def test_a_recovery_code_works_once() -> None:
    _client, _secret, codes = with_app()
    code = next(each for each in codes if each.isdigit() and len(each) == 8)
    through = []
    for _ in range(2):
        other = Client()
        log_in(other)
        other.post("/account/2fa/authenticate/", {"code": code})
        through.append(other.get("/account/profile/").status_code)
    assert through == [200, 302]


def test_codes_cannot_be_guessed_for_long() -> None:
    with_app()
    other = Client()
    log_in(other)
    pages = [
        other.post("/account/2fa/authenticate/", {"code": f"{n:06}"}).content for n in range(7)
    ]
    assert b"Incorrect code" in pages[0]
    assert b"Too many" in pages[-1]


def test_the_secret_is_encrypted_at_rest() -> None:
    _client, secret, _codes = with_app()
    with connection.cursor() as cursor:
        cursor.execute("SELECT string_agg(data::text, '') FROM mfa_authenticator")
        assert secret not in cursor.fetchone()[0]


def test_an_admin_takes_it_off_for_somebody_who_lost_it() -> None:
    with_app()
    remove_second_factor(person=ann(), by=admin())
    assert not Authenticator.objects.exists()
    assert log_in(Client())["Location"] == "/"
    with pytest.raises(ValidationError, match="no second factor"):
        remove_second_factor(person=ann(), by=admin())
