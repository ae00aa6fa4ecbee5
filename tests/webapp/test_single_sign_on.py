"""Single sign-on against an OpenID Connect provider of our own: a real server, real redirects."""

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client

from tests.cast import PASSWORD, a_workspace, ann, mia
from webapp.accounts.actions.administer_person import disable_person
from webapp.accounts.models import User
from webapp.accounts.single_sign_on import single_sign_on
from webapp.audit.models import AuditEntry
from webapp.workspaces.actions.invite import invite
from webapp.workspaces.models import Membership

pytestmark = [pytest.mark.heavy, pytest.mark.django_db]
START = "/account/sso/sso/login/"


class Provider(HTTPServer):
    """Knows one person, and checks the PKCE challenge as a real one does."""

    claims: dict[str, Any]
    challenge = ""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Answers(BaseHTTPRequestHandler):
    server: Provider

    def do_GET(self) -> None:
        if self.path.endswith("/openid-configuration"):
            url = self.server.url
            self.say(
                {
                    "issuer": url,
                    "authorization_endpoint": f"{url}/authorize",
                    "token_endpoint": f"{url}/token",
                    "userinfo_endpoint": f"{url}/userinfo",
                    "jwks_uri": f"{url}/jwks",
                    "token_endpoint_auth_methods_supported": ["client_secret_post"],
                }
            )
        elif self.headers.get("Authorization") == "Bearer access":
            self.say(self.server.claims)

    def do_POST(self) -> None:
        form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        verifier = form["code_verifier"][0].encode()
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier).digest()).decode()
        right = form["client_secret"] == ["s3cret"] and challenge.rstrip("=") == (
            self.server.challenge
        )
        self.say({"access_token": "access", "token_type": "Bearer"} if right else {"error": "no"})

    def say(self, body: dict[str, Any]) -> None:
        raw = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def provider(settings: Any) -> Iterator[Provider]:
    server = Provider(("127.0.0.1", 0), Answers)
    server.claims = {
        "sub": "42",
        "email": "Nia@Rondo.test",
        "email_verified": True,
        "name": "Nia Nova",
    }
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    settings.SOCIALACCOUNT_PROVIDERS = single_sign_on(
        name="Lab account", server_url=server.url, client_id="rondo", client_secret="s3cret"
    )
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def sign_on(provider: Provider, client: Client | None = None) -> tuple[Client, Any]:
    """From the button to the answer of the callback, with the provider saying who it is."""
    client = client or Client()
    away = client.post(START)
    asked = parse_qs(urlsplit(away["Location"]).query)
    assert asked["client_id"] == ["rondo"]
    assert asked["code_challenge_method"] == ["S256"]
    provider.challenge = asked["code_challenge"][0]
    back = {"code": "code", "state": asked["state"][0]}
    return client, client.get(f"{START}callback/", back)


def inside(client: Client) -> bool:
    return client.get("/account/profile/").status_code == 200


def test_the_login_page_offers_it_by_its_name(provider: Provider) -> None:
    assert b"Lab account" in Client().get("/account/login/").content


def test_a_stranger_is_turned_away_and_told_what_to_do(provider: Provider) -> None:
    client, _answer = sign_on(provider)
    assert not inside(client)
    assert not User.objects.exists()
    assert b"Nobody has invited nia@rondo.test yet" in client.get("/account/login/").content
    assert AuditEntry.objects.filter(action="login.refused").count() == 1


def test_an_invited_person_gets_account_and_membership(provider: Provider) -> None:
    workspace = a_workspace()
    invite(workspace=workspace, email="nia@rondo.test", role="viewer", by=mia(workspace))
    client, _answer = sign_on(provider)
    assert inside(client)
    person = User.objects.get(email="nia@rondo.test")
    assert (person.name, person.has_usable_password()) == ("Nia Nova", False)
    assert Membership.objects.get(user=person).role == "viewer"
    assert client.get("/account/password/set/").status_code == 200
    again, _answer = sign_on(provider)  # and the second time is simply a login
    assert inside(again)
    assert User.objects.filter(email="nia@rondo.test").count() == 1


def test_an_address_that_the_provider_has_not_verified_opens_nothing(provider: Provider) -> None:
    workspace = a_workspace()
    invite(workspace=workspace, email="nia@rondo.test", role="viewer", by=mia(workspace))
    ann(password=PASSWORD)
    for email in ("nia@rondo.test", "ann@rondo.test"):
        for verified in (False, None, "false", "no", 1):
            provider.claims |= {"email": email, "email_verified": verified}
            client, _answer = sign_on(provider)
            assert not inside(client), (email, verified)
    assert not User.objects.filter(email="nia@rondo.test").exists()


def test_an_existing_person_is_found_by_the_verified_address(provider: Provider) -> None:
    ann(password=PASSWORD)
    provider.claims["email"] = "ann@rondo.test"
    client, _answer = sign_on(provider)
    assert inside(client)
    assert ann().check_password(PASSWORD)  # whose own address was verified: the password stays


def test_a_disabled_person_stays_out(provider: Provider) -> None:
    ann()
    provider.claims["email"] = "ann@rondo.test"
    disable_person(person=ann(), by=mia())
    client, answer = sign_on(provider)
    assert answer["Location"] == "/account/inactive/"
    assert not inside(client)


def test_an_open_installation_lets_everybody_in(provider: Provider, settings: Any) -> None:
    settings.OIDC_OPEN = True
    client, _answer = sign_on(provider)
    assert inside(client)
    assert not Membership.objects.exists()


def test_a_forged_state_opens_nothing(provider: Provider, settings: Any) -> None:
    settings.OIDC_OPEN = True
    client = Client()
    client.post(START)
    client.get(f"{START}callback/", {"code": "code", "state": "forged"})
    assert not inside(client)


def test_a_get_of_the_button_asks_first(provider: Provider) -> None:
    assert Client().get(START).status_code == 200  # no login by an image on some page
