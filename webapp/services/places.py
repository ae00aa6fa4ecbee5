"""Where the embedded services listen. Pure paths: settings import this before any start."""

import hashlib
from pathlib import Path

LONGEST_SOCKET_PATH = 80  # sockaddr_un holds 108 bytes; PostgreSQL adds "/.s.PGSQL.5432.lock"


def short(folder: Path, purpose: str) -> Path:
    """The folder itself, or one in /tmp where its path is too long for a socket's address."""
    if len(str(folder)) <= LONGEST_SOCKET_PATH:
        return folder
    digest = hashlib.sha256(str(folder).encode()).hexdigest()[:16]
    return Path(f"/tmp/rondo-{purpose}-{digest}")  # noqa: S108 - created with mode 0700 by its owner


def database_folder(var: Path) -> Path:
    return var / "postgres"


def database_socket_folder(var: Path) -> Path:
    return short(database_folder(var), "pg")


def broker_folder(var: Path) -> Path:
    return var / "broker"


def broker_socket(var: Path) -> Path:
    return short(broker_folder(var), "broker") / "broker.sock"
