"""H8: a configuration that would harm stops the start, with the value and the remedy."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.core import checks as django_checks
from django.db import connection

from webapp import checks

pytestmark = pytest.mark.heavy

ROOT = Path(__file__).resolve().parents[3]
KEY = "0123456789abcdefghij" * 3
PUBLIC = {
    "PUBLIC_URL": "https://rondo.example.org",
    "BEHIND_PROXY": "true",
    "SECRET_KEY": KEY,
    "DATABASE_URL": os.environ.get("DATABASE_URL", ""),
}


def check(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """python manage.py check, in a process of its own with this environment."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "RONDO_VAR") if name in os.environ}
    return subprocess.run(
        [sys.executable, "manage.py", "check", *arguments],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**kept, "RONDO_TESTING": "true", **environment},
        check=False,
    )


def test_a_production_configuration_passes_every_deployment_check() -> None:
    done = check("--deploy", "--fail-level", "WARNING", "--database", "default", **PUBLIC)
    assert done.returncode == 0, done.stderr


REFUSED = [
    ({"SECRET_KEY": "change-me-" + "x" * 50}, "SECRET_KEY is 'chan…'. Allowed: at least 50"),
    ({"SECRET_KEY": "short"}, "SECRET_KEY is 'shor…'"),
    ({**PUBLIC, "SECRET_KEY": ""}, "SECRET_KEY is not set"),
    ({**PUBLIC, "DEBUG": "true"}, "DEBUG is on while Rondo can be reached"),
    ({"DEBUG": "true", "LISTEN": "0.0.0.0:8000"}, "DEBUG is on while Rondo can be reached"),
    ({"DEBUG": "maybe"}, "DEBUG is 'maybe'. Allowed: true or false"),
    ({"LISTEN": "8000"}, "LISTEN is '8000'. Allowed: HOST:PORT"),
    ({"LISTEN": "127.0.0.1:99999"}, "LISTEN is '127.0.0.1:99999'"),
    ({"PUBLIC_URL": "rondo.example.org"}, "PUBLIC_URL is 'rondo.example.org'. Allowed: a URL"),
    ({"DATABASE_URL": "mysql://db/rondo"}, "Allowed: a URL such as postgresql://"),
    ({"BROKER_URL": "kafka://broker"}, "Allowed: a URL such as redis://"),
    ({"LOG_FORMAT": "xml"}, "LOG_FORMAT is 'xml'. Allowed: text, json"),
    ({"JOBS_LEASE_SECONDS": "1"}, "Allowed: a whole number from 2 to 600"),
    ({"ARTIFACTS_URL": "/proc/nowhere"}, "ARTIFACTS_URL: /proc/nowhere cannot be written"),
    (
        {**PUBLIC, "BROKER_URL": "redis://:change-me@127.0.0.1:1/0"},
        "BROKER_URL has the password of an example",
    ),
]


@pytest.mark.heavy
@pytest.mark.parametrize(("environment", "sentence"), REFUSED, ids=[s[:40] for _, s in REFUSED])
def test_a_harmful_or_wrong_value_stops_the_start(
    environment: dict[str, str], sentence: str
) -> None:
    done = check(**environment)
    assert done.returncode != 0
    assert sentence in " ".join(done.stderr.split()), done.stderr
    assert "Traceback" not in done.stderr
    assert KEY not in done.stderr


@pytest.mark.django_db
def test_commits_that_could_be_lost_are_an_error() -> None:
    found = django_checks.run_checks(tags=["database"], databases=["default"])
    assert not [message for message in found if str(message.id).startswith("rondo.")]
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL synchronous_commit = off")
    found = checks.commits_are_durable(None, databases=["default"])
    assert [message.id for message in found] == ["rondo.E006"]


# ---- .env.example
READS = re.compile(
    r"(?:environment\.(?:text|flag|whole_number|names|url|address|one_of)|environ\.get|getenv)"
    r"\(\s*\"([A-Z][A-Z0-9_]+)\""
)
# Of tests, and what the launchers of several processes set for each other.
NOT_FOR_PEOPLE = {"RONDO_TESTING", "TESTING", "FAULT", "FAULT_SECONDS", "NO_COLOR"}
NOT_FOR_PEOPLE |= {"PROMETHEUS_MULTIPROC_DIR", "DJANGO_SETTINGS_MODULE"}
NOT_FOR_PEOPLE |= {"RANK", "LOCAL_RANK", "WORLD_SIZE"}
# What `accelerate launch` tells the processes it starts.
NOT_FOR_PEOPLE |= {"ACCELERATE_USE_DEEPSPEED", "ACCELERATE_USE_FSDP"}
NOT_FOR_PEOPLE |= {"FSDP_VERSION", "FSDP_OFFLOAD_PARAMS", "FSDP_RESHARD_AFTER_FORWARD"}


def read_by_the_code() -> set[str]:
    rooms = [ROOT / name for name in ("webapp", "annotation", "training")]
    texts = [path.read_text() for room in rooms for path in room.rglob("*.py")]
    return {name for text in texts for name in READS.findall(text)} - NOT_FOR_PEOPLE


def explained() -> dict[str, str]:
    """Name -> the comment above it, of .env.example."""
    found: dict[str, str] = {}
    comment: list[str] = []
    for line in (ROOT / ".env.example").read_text().splitlines():
        setting = re.match(r"#?([A-Z][A-Z0-9_]+)=", line)
        if setting:
            found[setting[1]] = " ".join(comment)
        comment = [*comment, line] if line.startswith("# ") else [] if not line else comment
    return found


def test_every_setting_is_explained_and_none_is_invented() -> None:
    assert read_by_the_code() - set(explained()) == set()
    installer = (ROOT / "setup.sh").read_text()
    invented = {name for name in set(explained()) - read_by_the_code() if name not in installer}
    assert invented == set()


def test_every_explanation_is_a_sentence() -> None:
    assert [name for name, comment in explained().items() if len(comment.split()) < 4] == []
