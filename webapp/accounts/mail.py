"""EMAIL_URL, read into Django's settings. Without one, mail is written to files below var/mail."""

from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, unquote

PORTS = {"smtp": 25, "smtps": 465, "smtp+tls": 587}


def mail_settings(url: SplitResult, folder: Path) -> dict[str, Any]:
    """The EMAIL_* settings for smtp://, smtps://, smtp+tls:// (STARTTLS), console:// and file://."""
    backend = "django.core.mail.backends."
    if url.scheme == "console":
        return {"EMAIL_BACKEND": backend + "console.EmailBackend"}
    if url.scheme == "file":
        return {
            "EMAIL_BACKEND": backend + "filebased.EmailBackend",
            "EMAIL_FILE_PATH": url.path or str(folder),
        }
    return {
        "EMAIL_BACKEND": backend + "smtp.EmailBackend",
        "EMAIL_HOST": url.hostname or "localhost",
        "EMAIL_PORT": url.port or PORTS[url.scheme],
        "EMAIL_HOST_USER": unquote(url.username or ""),
        "EMAIL_HOST_PASSWORD": unquote(url.password or ""),
        "EMAIL_USE_SSL": url.scheme == "smtps",
        "EMAIL_USE_TLS": url.scheme == "smtp+tls",
        "EMAIL_TIMEOUT": 10,
    }
