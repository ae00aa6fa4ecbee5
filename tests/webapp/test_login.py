"""E8 and E10: who gets in, how long a session lives, and how often a password may be guessed."""

import time
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.core import mail
from django.test import Client
from django.urls import reverse

from tests.cast import PASSWORD, admin, ann, log_in, mia
from webapp.accounts.actions.administer_person import (
    disable_person,
    enable_person,
    end_all_sessions,
    issue_reset_link,
)
from webapp.accounts.models import Throttle, User
from webapp.audit.models import AuditEntry

pytestmark = pytest.mark.django_db
LOGIN = "/account/login/"


def try_to_log_in(
    email: str, password: str, *, ip: str = "10.0.0.1", client: Client | None = None, **meta: str
) -> Any:
    client = client or Client()
    return client.post(LOGIN, {"login": email, "password": password}, REMOTE_ADDR=ip, **meta)


def logged_in(client: Client) -> bool:
    return client.get("/account/profile/").status_code == 200


def test_nobody_signs_up(client: Client) -> None:
    assert "password1" not in client.get("/account/signup/").content.decode()
    form = {"email": "nia@rondo.test", "password1": PASSWORD, "password2": PASSWORD}
    client.post("/account/signup/", form)
    assert not User.objects.exists()


def test_a_login_makes_a_new_session_id() -> None:
    ann(password=PASSWORD)
    client = Client()
    client.session["seed"] = "planted"
    session = client.session
    session["seed"] = "planted"
    session.save()
    before = session.session_key
    assert try_to_log_in("ann@rondo.test", PASSWORD, client=client).status_code == 302
    assert client.session.session_key != before
    planted = Client()
    planted.cookies["rondo-session"] = before
    assert not logged_in(planted)


def test_the_sixth_wrong_password_is_429_and_says_when() -> None:
    ann(password=PASSWORD)
    given = [try_to_log_in("ann@rondo.test", "wrong").status_code for _ in range(6)]
    assert given == [200] * 5 + [429]
    refused = try_to_log_in("ann@rondo.test", PASSWORD)
    assert refused.status_code == 429  # the right one too, from there
    assert 0 < int(refused["Retry-After"]) <= 15 * 60


def test_from_another_place_the_right_password_still_works() -> None:
    admin(password=PASSWORD)
    for number in range(1, 4):  # an attacker with three places cannot lock the admin out
        for _ in range(6):
            try_to_log_in("ada@rondo.test", "wrong", ip=f"10.0.0.{number}")
    assert try_to_log_in("ada@rondo.test", PASSWORD, ip="10.9.9.9").status_code == 302


def test_one_place_guesses_at_twenty_accounts_and_no_more() -> None:
    given = [try_to_log_in(f"p{n}@rondo.test", "wrong").status_code for n in range(21)]
    assert given == [200] * 20 + [429]
    assert try_to_log_in("p1@rondo.test", "wrong", ip="10.0.0.2").status_code == 200


def test_good_logins_are_not_counted() -> None:
    ann(password=PASSWORD)
    given = {try_to_log_in("ann@rondo.test", PASSWORD).status_code for _ in range(25)}
    assert given == {302}


def test_a_made_up_forwarded_address_does_not_begin_a_new_count(settings: Any) -> None:
    ann(password=PASSWORD)
    given = [
        try_to_log_in("ann@rondo.test", "wrong", HTTP_X_FORWARDED_FOR=f"1.2.3.{n}").status_code
        for n in range(6)
    ]
    assert given[-1] == 429
    settings.BEHIND_PROXY, settings.ALLAUTH_TRUSTED_PROXY_COUNT = True, 1
    given = [
        try_to_log_in(
            "ann@rondo.test", "wrong", ip="127.0.0.1", HTTP_X_FORWARDED_FOR=f"1.2.3.{n}, 9.9.9.9"
        ).status_code
        for n in range(6)
    ]
    assert given == [200] * 5 + [429]  # what the proxy itself added counts: 9.9.9.9
    other = try_to_log_in(
        "ann@rondo.test", "wrong", ip="127.0.0.1", HTTP_X_FORWARDED_FOR="9.9.9.9, 8.8.8.8"
    )
    assert other.status_code == 200  # the control: another last hop is another place


def test_a_window_that_is_over_begins_anew() -> None:
    for _ in range(6):
        try_to_log_in("ann@rondo.test", "wrong")
    Throttle.objects.update(resets_at="2020-01-01T00:00Z")
    assert try_to_log_in("ann@rondo.test", "wrong").status_code == 200


def test_a_disabled_person_is_out_at_the_next_request_and_stays_out() -> None:
    client = log_in(Client(), ann(password=PASSWORD))
    assert logged_in(client)
    disable_person(person=ann(), by=admin())
    assert not logged_in(client)
    assert try_to_log_in("ann@rondo.test", PASSWORD)["Location"] == "/account/inactive/"
    enable_person(person=ann(), by=admin())
    assert not logged_in(client)  # an old session is not revived


def test_a_changed_password_ends_the_other_sessions() -> None:
    ann(password=PASSWORD)
    here, there = Client(), Client()
    for client in (here, there):
        try_to_log_in("ann@rondo.test", PASSWORD, client=client)
    new = "another long secret"
    form = {"oldpassword": PASSWORD, "password1": new, "password2": new}
    assert here.post("/account/password/change/", form).status_code == 302
    assert (logged_in(here), logged_in(there)) == (True, False)


def test_an_admin_ends_all_sessions_of_a_person() -> None:
    clients = [log_in(Client(), ann()) for _ in range(3)]
    end_all_sessions(person=ann(), by=admin())
    assert [logged_in(client) for client in clients] == [False] * 3


def test_a_person_ends_one_session_and_all_others() -> None:
    ann(password=PASSWORD)
    clients = [Client() for _ in range(3)]
    for client in clients:
        try_to_log_in("ann@rondo.test", PASSWORD, client=client)
    from allauth.usersessions.models import UserSession

    second = UserSession.objects.get(session_key=clients[1].session.session_key)
    clients[0].post("/account/sessions/", {"session": second.pk})
    assert [logged_in(client) for client in clients] == [True, False, True]
    clients[0].post("/account/sessions/", {"others": "yes"})
    assert [logged_in(client) for client in clients] == [True, False, False]


def test_a_session_lives_twelve_hours_and_an_idle_admin_two(monkeypatch: Any) -> None:
    clock = [time.time()]
    monkeypatch.setattr("webapp.accounts.sessions.time.time", lambda: clock[0])
    ada, plain = log_in(Client(), admin()), log_in(Client(), ann())
    for _ in range(5):  # at work: a click an hour and a half
        clock[0] += 5400
        assert (logged_in(ada), logged_in(plain)) == (True, True)
    clock[0] += 7201
    assert (logged_in(ada), logged_in(plain)) == (False, True)
    clock[0] += 4 * 3600  # 13.5 hours after the login, however busy
    assert not logged_in(plain)


def test_a_reset_by_mail_works_once(client: Client) -> None:
    ann(password="an old long secret")
    client.post("/account/password/reset/", {"email": "ann@rondo.test"})
    link = next(word for word in mail.outbox[0].body.split() if "/password/reset/key/" in word)
    assert link.startswith("http://127.0.0.1:8000/")  # PUBLIC_URL, whatever Host was sent
    path = link.removeprefix("http://127.0.0.1:8000")
    new = {"password1": PASSWORD, "password2": PASSWORD}
    form_page = client.get(path, follow=True)
    assert client.post(form_page.redirect_chain[-1][0], new).status_code == 302
    assert try_to_log_in("ann@rondo.test", PASSWORD).status_code == 302
    again = Client().get(path, follow=True)
    assert b"password1" not in again.content
    assert AuditEntry.objects.filter(action="password.reset").count() == 1


def test_a_reset_for_an_unknown_address_looks_the_same_and_mails_nobody(client: Client) -> None:
    ann()
    answers = [
        client.post("/account/password/reset/", {"email": email}, follow=True).status_code
        for email in ("ann@rondo.test", "nobody@rondo.test")
    ]
    assert answers == [200, 200]
    assert [message.to for message in mail.outbox] == [["ann@rondo.test"]]


def test_a_link_from_the_admin_sets_a_password_once(client: Client) -> None:
    link = issue_reset_link(person=ann(), by=admin()).removeprefix("http://127.0.0.1:8000")
    form_page = client.get(link, follow=True)
    new = {"password1": PASSWORD, "password2": PASSWORD}
    client.post(form_page.redirect_chain[-1][0], new)
    assert try_to_log_in("ann@rondo.test", PASSWORD).status_code == 302
    assert b"password1" not in Client().get(link, follow=True).content
    assert AuditEntry.objects.get(action="person.issue_reset_link").actor == admin()


def test_a_person_logs_in_with_the_address_in_any_case() -> None:
    ann(password=PASSWORD)
    assert try_to_log_in("Ann@Rondo.TEST", PASSWORD).status_code == 302


def test_the_way_after_the_login_stays_on_this_site() -> None:
    ann(password=PASSWORD)
    for away in ("https://evil.test/", "//evil.test/", "/\\evil.test"):
        form = {"login": "ann@rondo.test", "password": PASSWORD, "next": away}
        assert Client().post(LOGIN, form)["Location"] == "/"
    form = {"login": "ann@rondo.test", "password": PASSWORD, "next": "/account/tokens/"}
    assert Client().post(LOGIN, form)["Location"] == "/account/tokens/"


def test_an_address_is_kept_in_one_case_only() -> None:
    assert mia().email == "mia@rondo.test"
    assert EmailAddress.objects.get(user=mia()).email == "mia@rondo.test"
    assert reverse("account_login") == LOGIN
