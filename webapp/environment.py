"""Settings from the environment: each reader returns a checked value or says what to do.

A wrong value stops the start. The sentence names the variable, what was given, what is allowed and
the remedy, because the person who reads it has only the console.
"""

import os
from collections.abc import Collection
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

TRUE = {"1", "true", "yes", "on"}
FALSE = {"0", "false", "no", "off"}


class SettingError(Exception):
    """A setting has a value that Rondo cannot start with."""

    def __init__(self, name: str, given: str, allowed: str, remedy: str = "") -> None:
        self.name = name
        remedy = remedy or "Correct it in the environment or in .env (see .env.example)."
        super().__init__(f"{name} is {given!r}. Allowed: {allowed}. {remedy}")


def load_file(path: Path) -> None:
    """Read NAME=value lines into the environment; what is already set there wins.

    Raises:
        SettingError: a line that is neither a comment nor NAME=value.
    """
    if not path.is_file():
        return
    for number, line in enumerate(path.read_text().splitlines(), start=1):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        name, equals, value = stripped.partition("=")
        if not equals or not name.strip().isidentifier():
            raise SettingError(f"{path.name} line {number}", line, "NAME=value or # a comment")
        os.environ.setdefault(name.strip(), value.strip().strip("'\""))


def text(name: str, default: str = "") -> str:
    return os.environ.get(name, "").strip() or default


def flag(name: str, default: bool) -> bool:
    given = text(name).lower()
    if not given:
        return default
    if given in TRUE | FALSE:
        return given in TRUE
    raise SettingError(name, given, "true or false")


def whole_number(name: str, default: int, *, least: int, most: int) -> int:
    given = text(name)
    if not given:
        return default
    try:
        value = int(given)
    except ValueError:
        value = least - 1
    if not least <= value <= most:
        raise SettingError(name, given, f"a whole number from {least} to {most}")
    return value


def one_of(name: str, default: str, allowed: Collection[str]) -> str:
    given = text(name, default)
    if given not in allowed:
        raise SettingError(name, given, ", ".join(allowed))
    return given


def names(name: str) -> list[str]:
    """A comma-separated list; empty when the variable is not set."""
    return [part.strip() for part in text(name).split(",") if part.strip()]


def address(name: str, default: str) -> tuple[str, int]:
    """Where to listen: a host, in brackets when it is an IPv6 address, and a port."""
    given = text(name, default)
    host, colon, port = given.rpartition(":")
    if not (colon and host and port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        raise SettingError(name, given, "HOST:PORT such as 127.0.0.1:8000 or 0.0.0.0:8000")
    return host, int(port)


def url(name: str, default: str, *, schemes: set[str], example: str) -> SplitResult:
    given = text(name, default)
    allowed = f"a URL such as {example}"
    try:
        parts = urlsplit(given)
        _ = parts.port
    except ValueError:
        raise SettingError(name, given, allowed) from None
    if parts.scheme not in schemes:
        raise SettingError(name, given, allowed)
    return parts
