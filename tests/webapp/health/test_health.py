from typing import Any

import pytest
from django.db import OperationalError, connection
from django.test import Client, RequestFactory

from webapp.health import readiness, views
from webapp.health.middleware import address_without_secrets


def test_alive_asks_nobody(client: Client) -> None:
    """No database mark: a query would fail this test."""
    reply = client.get("/health/live")
    assert (reply.status_code, reply.content) == (200, b"alive\n")


@pytest.mark.django_db
def test_ready_names_absent_workers_and_stays_ready(client: Client) -> None:
    reply = client.get("/health/ready")
    assert reply.status_code == 200
    found = reply.json()
    assert (found["status"], found["problems"]) == ("ready", [])
    assert "No worker for queue gpu has reported for 60 s." in found["warnings"]


@pytest.mark.django_db
def test_not_ready_while_migrations_wait(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readiness._Migrations, "applied", False)
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'jobs'")
    reply = client.get("/health/ready")
    assert (reply.status_code, reply["Retry-After"]) == (503, "10")
    assert "python manage.py migrate" in reply.json()["problems"][0]


@pytest.fixture
def database_away(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise OperationalError("connection refused")

    monkeypatch.setattr(connection, "cursor", refuse)
    monkeypatch.setattr(connection, "ensure_connection", refuse)


@pytest.mark.django_db
@pytest.mark.usefixtures("database_away")
def test_a_database_that_is_away_gives_503_everywhere() -> None:
    client = Client(raise_request_exception=False)
    client.cookies["rondo-session"] = "x" * 32
    for address in ("/", "/account/login/", "/health/ready", "/api/v1/workspaces/"):
        reply = client.get(address)
        assert (reply.status_code, reply["Retry-After"]) == (503, "10"), address
    assert reply["Content-Type"] == "application/problem+json"
    page = client.get("/account/login/")
    assert b"<h1>" in page.content
    assert "Content-Security-Policy" in page.headers
    assert Client().get("/health/live").status_code == 200


@pytest.mark.django_db
@pytest.mark.usefixtures("database_away")
def test_metrics_say_that_the_database_is_away(client: Client) -> None:
    assert "rondo_database_up 0.0" in client.get("/metrics").content.decode()


def test_another_error_stays_a_500() -> None:
    request = RequestFactory().get("/")
    try:
        raise ZeroDivisionError
    except ZeroDivisionError:
        assert views.server_error(request).status_code == 500


@pytest.mark.django_db
def test_metrics_count_requests_jobs_and_workers(client: Client) -> None:
    client.get("/account/login/")
    text = client.get("/metrics").content.decode()
    assert 'rondo_requests_total{method="GET",status="200",view="account_login"}' in text
    assert 'rondo_request_seconds_count{view="account_login"}' in text
    assert 'rondo_workers_seen{queue="gpu"} 0.0' in text
    assert "rondo_database_up 1.0" in text


@pytest.mark.django_db
def test_metrics_are_for_this_machine_or_for_the_token(client: Client, settings: Any) -> None:
    assert client.get("/metrics").status_code == 200
    assert client.get("/metrics", REMOTE_ADDR="10.0.0.9").status_code == 403
    assert client.get("/metrics", headers={"X-Forwarded-For": "127.0.0.1"}).status_code == 403
    settings.METRICS_TOKEN = "a token of the operator"
    assert client.get("/metrics").status_code == 403
    wrong = {"Authorization": "Bearer another"}
    right = {"Authorization": "Bearer a token of the operator"}
    assert client.get("/metrics", headers=wrong).status_code == 403
    assert client.get("/metrics", headers=right, REMOTE_ADDR="10.0.0.9").status_code == 200


def test_a_token_in_an_address_is_not_logged() -> None:
    from django.urls import resolve

    request = RequestFactory().get("/account/password/reset/key/1-abcdef0123456789/?next=/secret")
    request.resolver_match = resolve(request.path)
    logged = address_without_secrets(request)
    assert "abcdef0123456789" not in logged
    assert "secret" not in logged
    assert logged.startswith("/account/password/reset/key/")


@pytest.mark.django_db
def test_a_request_is_one_line_with_its_id(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO", "rondo.requests"):
        client.get("/account/login/")
    record = caplog.records[-1]
    assert record.getMessage().startswith("GET /account/login/ 200 in ")
    assert (record.view, record.status) == ("account_login", 200)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "address",
    [
        "/static/../manage.py",
        "/static/..%2fmanage.py",
        "/static/%2e%2e/manage.py",
        "/static../manage.py",
        "/static/..;/manage.py",
        "/static//etc/passwd",
        "/static/%00",
        "/static/css/..\\..\\manage.py",
        "/media/../manage.py",
        "/var/secret_key",
    ],
)
@pytest.mark.django_db
def test_no_path_leads_out_of_the_static_files(client: Client, address: str) -> None:
    """H9."""
    reply = client.get(address)
    assert reply.status_code in {400, 404}
    assert b"DJANGO_SETTINGS_MODULE" not in reply.content
