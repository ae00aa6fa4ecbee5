"""What stops a start, and what an operator should know: system checks of our own.

`python manage.py check` runs them (those of the database with `--database default`); ./run refuses
to start while one of them is an error.
"""

import ipaddress
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.db import DatabaseError, connections

from webapp import environment

SAMPLES = ("change-me", "changeme", "password", "postgres", "rondo")
Apps = Sequence[AppConfig] | None


def is_public() -> bool:
    """Is Rondo meant to be reached from other machines?"""
    return not all(map(_is_loopback, (settings.PUBLIC_URL.hostname or "", settings.LISTEN_HOST)))


def _is_loopback(host: str) -> bool:
    host = host.strip("[]")
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@register(Tags.security)
def debug_is_for_development(app_configs: Apps, **_: Any) -> list[CheckMessage]:
    if settings.DEBUG and is_public():
        sentence = "DEBUG is on while Rondo can be reached from other machines: error pages would"
        sentence += " show settings and data to strangers."
        return [Error(sentence, hint="Remove DEBUG from the environment.", id="rondo.E001")]
    return []


@register(Tags.security)
def the_key_is_given(app_configs: Apps, **_: Any) -> list[CheckMessage]:
    """A key made by one host would log people out on the next one."""
    if is_public() and not settings.DATABASE_IS_EMBEDDED and not environment.text("SECRET_KEY"):
        hint = 'Make one: python -c "import secrets; print(secrets.token_urlsafe(50))"'
        sentence = "SECRET_KEY is not set, with a DATABASE_URL that other hosts may share."
        return [Error(sentence, hint=hint, id="rondo.E002")]
    return []


@register(Tags.security)
def no_sample_passwords(app_configs: Apps, **_: Any) -> list[CheckMessage]:
    found: list[CheckMessage] = []
    for name in ("DATABASE_URL", "BROKER_URL"):
        parts = urlsplit(environment.text(name))
        if is_public() and (parts.password or "").lower() in SAMPLES and parts.password:
            sentence = f"{name} has the password of an example."
            hint = "Change it on the server and in the environment."
            found.append(Error(sentence, hint=hint, id="rondo.E003"))
    return found


@register(Tags.security)
def strangers_come_by_https(app_configs: Apps, **_: Any) -> list[CheckMessage]:
    if is_public() and not settings.SECURE:
        sentence = "PUBLIC_URL is not https: passwords and answers cross the network readable."
        hint = "Put a proxy with TLS in front and set PUBLIC_URL=https://... and BEHIND_PROXY=true."
        return [Warning(sentence, hint=hint, id="rondo.W001")]
    return []


@register
def artifacts_can_be_written(app_configs: Apps, **_: Any) -> list[CheckMessage]:
    """A folder is tried; of another store only its address is checked."""
    place = settings.ARTIFACTS_URL
    if "://" in place and not place.startswith("file://"):
        return []
    folder = Path(place.removeprefix("file://"))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".can-write-"):
            pass
    except OSError as error:
        sentence = f"ARTIFACTS_URL: {folder} cannot be written ({error.strerror})."
        hint = "Correct its owner or its disk, or name another folder or store."
        return [Error(sentence, hint=hint, id="rondo.E004")]
    return []


@register
def the_broker_answers(app_configs: Apps, **_: Any) -> list[CheckMessage]:
    """A warning only: jobs are found by polling while it is away, a few seconds later."""
    from webapp.celery import app

    if settings.BROKER_IS_EMBEDDED and not Path(app.conf.broker_url.split("://", 1)[1]).exists():
        return []  # nothing has been started yet
    try:
        with app.connection_for_write(connect_timeout=2) as connection:
            connection.ensure_connection(max_retries=1, interval_start=0, timeout=3)
    except Exception as error:  # each transport has its own
        sentence = f"The broker does not answer ({type(error).__name__}). Jobs start later."
        hint = "Check BROKER_URL and the broker's process."
        return [Warning(sentence, hint=hint, id="rondo.W002")]
    return []


@register(Tags.database)
def commits_are_durable(
    app_configs: Apps, databases: Sequence[str] | None = None, **_: Any
) -> list[CheckMessage]:
    """An acknowledged judgement must survive a crash of the server: measured, off lost 7 in 100."""
    if "default" not in (databases or ()):
        return []
    try:
        with connections["default"].cursor() as cursor:
            cursor.execute("SELECT name, setting FROM pg_settings WHERE name = ANY(%s)", [NEEDED])
            actual = dict(cursor.fetchall())
    except DatabaseError as error:
        sentence = f"The database does not answer: {' '.join(str(error).split())[:200]}"
        return [Error(sentence, hint="Check DATABASE_URL.", id="rondo.E005")]
    found: list[CheckMessage] = []
    if actual["synchronous_commit"] not in ("on", "remote_apply", "remote_write"):
        sentence = f"synchronous_commit is {actual['synchronous_commit']}: an acknowledged answer"
        hint = "Set it to on; a pooler between Rondo and PostgreSQL may drop the option."
        found.append(Error(f"{sentence} could be lost in a crash.", hint=hint, id="rondo.E006"))
    if actual["fsync"] != "on" and not settings.TESTING and "RONDO_TESTING" not in os.environ:
        sentence = "fsync is off: a crash of the machine could destroy the database."
        found.append(Error(sentence, hint="Set fsync = on.", id="rondo.E007"))
    if int(actual["server_version_num"]) < 150000:
        sentence = f"PostgreSQL {actual['server_version_num']} is too old."
        hint = "Rondo is tested with 18 and needs 15 or newer."
        found.append(Error(sentence, hint=hint, id="rondo.E008"))
    return found


NEEDED = ["synchronous_commit", "fsync", "server_version_num"]
