"""E9: tokens are kept as hashes, shown once, found by prefix, limited, and revoked at once."""

import hmac
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.test import Client
from django.utils import timezone

from tests.cast import a_workspace, admin, ann, log_in, mia
from webapp.accounts.actions.administer_person import disable_person
from webapp.api.actions.token import create_token, revoke_token
from webapp.api.authentication import token_of
from webapp.api.models import ApiToken

pytestmark = pytest.mark.django_db
ME = "/api/v1/me/"


def ask(text: str, path: str = ME, **options: Any) -> Any:
    return Client().get(path, headers={"Authorization": f"Bearer {text}"}, **options)


def a_token(**changes: Any) -> tuple[ApiToken, str]:
    return create_token(**{"user": ann(), "name": "script", "scope": "read", "days": 7} | changes)


def test_the_page_shows_a_token_once_and_the_database_never(client: Client) -> None:
    log_in(client, ann())
    form = {"name": "script", "scope": "read", "days": "7"}
    page = client.post("/account/tokens/", form).content.decode()
    row = ApiToken.objects.get()
    text = next(word for word in page.split("<code>") if word.startswith("rondo_")).split("<")[0]
    assert token_of(text) == row
    again = client.get("/account/tokens/").content.decode()
    assert row.prefix in again
    secret = text[15:]
    assert secret not in again
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(
                f'SELECT count(*) FROM "{table}" t WHERE to_jsonb(t)::text LIKE %s', [f"%{secret}%"]
            )
            assert cursor.fetchone()[0] == 0, table


def test_it_speaks_for_its_person(client: Client) -> None:
    row, text = a_token()
    answer = ask(text).json()
    assert (answer["email"], answer["token"]["prefix"]) == ("ann@rondo.test", row.prefix)


@pytest.mark.parametrize("end", ["revoked", "run out", "disabled person"])
def test_it_stops_at_once(end: str) -> None:
    row, text = a_token()
    assert ask(text).status_code == 200  # the control
    if end == "revoked":
        revoke_token(token=row, by=ann())
    elif end == "run out":
        ApiToken.objects.update(expires_at=timezone.now())
    else:
        disable_person(person=ann(), by=admin())
    answer = ask(text)
    assert (answer.status_code, answer["Content-Type"]) == (401, "application/problem+json")
    assert answer["WWW-Authenticate"].startswith("Bearer")


def test_it_is_not_read_from_the_address_or_a_cookie() -> None:
    _row, text = a_token()
    for parameter in ("token", "access_token", "api_key", "Authorization"):
        assert Client().get(ME, {parameter: f"Bearer {text}"}).status_code == 401
    client = Client()
    client.cookies["Authorization"] = f"Bearer {text}"
    assert client.get(ME).status_code == 401


def test_a_read_token_reads_and_a_write_token_writes() -> None:
    for scope, status in {"read": 403, "write": 200}.items():
        _row, text = a_token(scope=scope)
        answer = Client().patch(
            ME,
            {"name": "Annie"},
            content_type="application/json",
            headers={"Authorization": f"Bearer {text}"},
        )
        assert answer.status_code == status
    assert ann().name == "Annie"


@pytest.mark.parametrize(
    "wrong",
    ["", "rondo", "rondo_", "rondo_12345678_", "other_{prefix}_{secret}", "rondo_{prefix}_x"],
)
def test_what_is_not_the_token_is_refused(wrong: str) -> None:
    row, text = a_token()
    assert token_of(wrong.format(prefix=row.prefix, secret=text[15:])) is None


def test_the_secret_is_compared_in_constant_time(monkeypatch: Any) -> None:
    compared: list[tuple[int, int]] = []

    def compare(one: str, other: str) -> bool:
        compared.append((len(one), len(other)))
        return hmac.compare_digest(one, other)

    watched = SimpleNamespace(compare_digest=compare)
    monkeypatch.setattr("webapp.api.authentication.hmac", watched)
    row, text = a_token()
    for each in (text, f"rondo_{row.prefix}_x", "rondo_00000000_x", "nonsense"):
        token_of(each)
    assert compared == [(64, 64)] * 4  # also for a prefix that nobody has


def test_last_use_is_kept_to_the_minute() -> None:
    row, text = a_token()
    ask(text)
    row.refresh_from_db()
    first = row.last_used_at
    assert first is not None
    ask(text)
    row.refresh_from_db()
    assert row.last_used_at == first
    ApiToken.objects.update(last_used_at=first - timedelta(minutes=2))
    ask(text)
    row.refresh_from_db()
    assert row.last_used_at >= first


def test_nobody_revokes_the_token_of_another(client: Client) -> None:
    row, _text = a_token()
    log_in(client, mia())
    assert client.post(f"/account/tokens/{row.pk}/revoke/").status_code == 404
    log_in(client, ann())
    assert client.post(f"/account/tokens/{row.pk}/revoke/").status_code == 302
    row.refresh_from_db()
    assert row.revoked_at is not None


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": " "}, "name"),
        ({"scope": "root"}, "scope"),
        ({"days": 0}, "days"),
        ({"days": 367}, "days"),
    ],
)
def test_it_refuses_a_token_that_nobody_should_have(change: Any, field: str) -> None:
    with pytest.raises(ValidationError) as refused:
        a_token(**change)
    assert list(refused.value.message_dict) == [field]


def test_it_refuses_a_workspace_that_the_person_cannot_see() -> None:
    with pytest.raises(ValidationError, match="not a member"):
        a_token(workspace=a_workspace())


def test_each_token_has_its_own_rate(settings: Any) -> None:
    settings.API_REQUESTS_PER_MINUTE = 3
    _first, one = a_token()
    _second, two = a_token()
    assert [ask(one).status_code for _ in range(4)] == [200, 200, 200, 429]
    refused = ask(one)
    assert (refused.json()["status"], 0 < int(refused["Retry-After"]) <= 60) == (429, True)
    assert ask(two).status_code == 200
