"""The settings of a real installation, read by a process of its own under an https PUBLIC_URL."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.heavy

ROOT = Path(__file__).parents[2]
KEY = "k" * 25 + "0123456789abcdefghijklmnop"


def environment(**changes: str) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return kept | {"PUBLIC_URL": "https://rondo.example.org", "SECRET_KEY": KEY} | changes


def run(*command: str, cwd: Path = ROOT, **changes: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *command],
        cwd=cwd,
        env=environment(**changes),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


SHOW = """
import json, os
os.environ["DJANGO_SETTINGS_MODULE"] = "webapp.settings"
from django.conf import settings
print(json.dumps({n: getattr(settings, n) for n in dir(settings) if n.isupper()}, default=str))
"""


@pytest.fixture(scope="module")
def production(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    shown = run("-c", SHOW, RONDO_VAR=str(tmp_path_factory.mktemp("var")))
    assert shown.returncode == 0, shown.stderr
    loaded: dict[str, Any] = json.loads(shown.stdout)
    return loaded


WANTED = {
    "DEBUG": False,
    "SECURE_SSL_REDIRECT": True,
    "SECURE_HSTS_SECONDS": 31_536_000,
    "SECURE_HSTS_INCLUDE_SUBDOMAINS": True,
    "SECURE_PROXY_SSL_HEADER": None,
    "SESSION_COOKIE_NAME": "__Host-session",
    "SESSION_COOKIE_SECURE": True,
    "SESSION_COOKIE_HTTPONLY": True,
    "SESSION_COOKIE_SAMESITE": "Lax",
    "SESSION_COOKIE_AGE": 12 * 3600,
    "ADMIN_IDLE_SECONDS": 2 * 3600,
    "CSRF_COOKIE_NAME": "__Host-csrf",
    "CSRF_COOKIE_SECURE": True,
    "X_FRAME_OPTIONS": "DENY",
    "SECURE_REFERRER_POLICY": "same-origin",
    "SECURE_CROSS_ORIGIN_OPENER_POLICY": "same-origin",
    "DATA_UPLOAD_MAX_MEMORY_SIZE": 2_621_440,
    "DATA_UPLOAD_MAX_NUMBER_FIELDS": 1000,
    "ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS": False,
    "CELERY_ACCEPT_CONTENT": ["json"],
    "CELERY_TASK_SERIALIZER": "json",
    "CELERY_RESULT_BACKEND": None,
    "CELERY_WORKER_PREFETCH_MULTIPLIER": 1,
    "ALLAUTH_TRUSTED_PROXY_COUNT": 0,
    "SOCIALACCOUNT_PROVIDERS": {},
}


@pytest.mark.parametrize("name", WANTED)
def test_a_real_installation_has(production: dict[str, Any], name: str) -> None:
    assert production[name] == WANTED[name]


def test_passwords_are_hashed_with_argon2(production: dict[str, Any]) -> None:
    assert production["PASSWORD_HASHERS"][0].endswith("Argon2PasswordHasher")


def test_the_content_security_policy_allows_nothing_inline_and_nobody_else(
    production: dict[str, Any],
) -> None:
    policy = production["CONTENT_SECURITY_POLICY"]["DIRECTIVES"]
    nothing, ours = ["'none'"], ["'self'"]
    assert {name: policy[name] for name in ("default-src", "object-src", "base-uri")} == {
        "default-src": nothing,
        "object-src": nothing,
        "base-uri": nothing,
    }
    assert policy["frame-ancestors"] == nothing
    for name in ("script-src", "style-src", "img-src", "font-src", "connect-src", "form-action"):
        assert policy[name] == ours, name


def test_the_api_answers_json_only_and_asks_for_a_login(production: dict[str, Any]) -> None:
    api = production["REST_FRAMEWORK"]
    assert api["DEFAULT_RENDERER_CLASSES"] == ["rest_framework.renderers.JSONRenderer"]
    assert api["DEFAULT_PARSER_CLASSES"] == ["webapp.api.parsers.CleanJSONParser"]
    assert "rest_framework.permissions.IsAuthenticated" in api["DEFAULT_PERMISSION_CLASSES"]
    assert api["DEFAULT_THROTTLE_CLASSES"]


def test_check_deploy_is_clean(tmp_path: Path) -> None:
    checked = run(
        "manage.py", "check", "--deploy", "--fail-level", "WARNING", RONDO_VAR=str(tmp_path)
    )
    assert checked.returncode == 0, checked.stderr
    assert "no issues" in checked.stdout + checked.stderr


def test_control_check_deploy_complains_about_plain_http(tmp_path: Path) -> None:
    checked = run(
        "manage.py",
        "check",
        "--deploy",
        "--fail-level",
        "WARNING",
        RONDO_VAR=str(tmp_path),
        PUBLIC_URL="http://rondo.example.org",
    )
    assert checked.returncode != 0
    assert "security.W012" in checked.stderr


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"SECRET_KEY": "short"}, "at least 50 characters"),
        ({"SECRET_KEY": "change-me" + "x" * 60}, "not the sample"),
        ({"DEBUG": "maybe"}, "true or false"),
        ({"PUBLIC_URL": "rondo.example.org"}, "a URL such as https://rondo.example.org"),
        ({"EMAIL_URL": "mail.example.org"}, "smtp+tls://"),
        ({"API_REQUESTS_PER_MINUTE": "0"}, "a whole number from 1"),
        ({"OIDC_SERVER_URL": "http://id.example.org"}, "an https:// address"),
        ({"OIDC_SERVER_URL": "https://id.example.org"}, "OIDC_CLIENT_ID"),
    ],
)
def test_a_wrong_value_stops_the_start_with_the_remedy(
    tmp_path: Path, changes: dict[str, str], words: str
) -> None:
    started = run("-c", SHOW, **{"RONDO_VAR": str(tmp_path), **changes})
    assert started.returncode != 0
    last = started.stderr.strip().splitlines()[-1]
    assert next(iter(changes)) in last or "OIDC" in last
    assert words in last


def test_mail_and_single_sign_on_are_read_from_the_environment(tmp_path: Path) -> None:
    shown = run(
        "-c",
        SHOW,
        RONDO_VAR=str(tmp_path),
        EMAIL_URL="smtp+tls://rondo:p%40ss@mail.example.org",
        EMAIL_FROM="rondo@example.org",
        OIDC_SERVER_URL="https://id.example.org/realms/lab",
        OIDC_CLIENT_ID="rondo",
        OIDC_CLIENT_SECRET="s",
        OIDC_NAME="Lab account",
        BEHIND_PROXY="yes",
    )
    read = json.loads(shown.stdout)
    assert (read["EMAIL_HOST"], read["EMAIL_PORT"], read["EMAIL_HOST_PASSWORD"]) == (
        "mail.example.org",
        587,
        "p@ss",
    )
    assert (read["EMAIL_USE_TLS"], read["EMAIL_USE_SSL"], read["MAIL_IS_SET_UP"]) == (
        True,
        False,
        True,
    )
    (app,) = read["SOCIALACCOUNT_PROVIDERS"]["openid_connect"]["APPS"]
    assert (app["name"], app["client_id"]) == ("Lab account", "rondo")
    assert read["SECURE_PROXY_SSL_HEADER"] == ["HTTP_X_FORWARDED_PROTO", "https"]
    assert read["ALLAUTH_TRUSTED_PROXY_COUNT"] == 1


def test_every_answer_carries_the_headers(client: Any, db: None) -> None:
    for path in ("/account/login/", "/api/v1/me/", "/no/such/page/"):
        answer = client.get(path)
        assert "default-src 'none'" in answer["Content-Security-Policy"]
        assert answer["X-Frame-Options"] == "DENY"
        assert answer["X-Content-Type-Options"] == "nosniff"
        assert answer["Referrer-Policy"] == "same-origin"
        assert answer["Cross-Origin-Opener-Policy"] == "same-origin"
