"""Secrets of outside services (judge keys): in the database, but not readable there.

Fernet (AES-CBC with HMAC) under a key derived from SECRETS_KEY, else from SECRET_KEY. Several keys,
separated by commas, are tried in turn and the first one encrypts: that is how a key is changed.
"""

import base64
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import models

if TYPE_CHECKING:
    from cryptography.fernet import MultiFernet

PURPOSE = b"rondo secrets at rest"


class SecretUnreadable(Exception):
    """The stored secret was encrypted under another key; it has to be entered again."""


@lru_cache(maxsize=4)
def _cipher(keys: tuple[str, ...]) -> "MultiFernet":
    # Here, because most processes never open a secret: 6 MB of each.
    from cryptography.fernet import Fernet, MultiFernet
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    derived = [HKDF(SHA256(), 32, salt=None, info=PURPOSE).derive(key.encode()) for key in keys]
    return MultiFernet([Fernet(base64.urlsafe_b64encode(key)) for key in derived])


def _ours() -> "MultiFernet":
    return _cipher(tuple(settings.SECRETS_KEYS or [settings.SECRET_KEY]))


def encrypt(secret: str) -> str:
    return _ours().encrypt(secret.encode()).decode()


def decrypt(stored: str) -> str:
    """
    Raises:
        SecretUnreadable: no key of this installation opens it.
    """
    from cryptography.fernet import InvalidToken

    try:
        return _ours().decrypt(stored.encode()).decode()
    except InvalidToken:
        raise SecretUnreadable(
            "A stored secret cannot be read with this installation's SECRETS_KEY or SECRET_KEY."
            " Set the key that it was saved with, or enter the secret again."
        ) from None


def masked(secret: str) -> str:
    """What a page or an answer may show of it."""
    return "••••" + secret[-4:] if len(secret) >= 12 else "••••" if secret else ""


class SecretField(models.TextField):
    """A text that is encrypted on its way into the database. It cannot be searched or sorted by."""

    def get_prep_value(self, value: Any) -> Any:
        return encrypt(value) if value else value

    def from_db_value(self, value: str | None, *_: Any) -> str | None:
        return decrypt(value) if value else value

    def get_lookup(self, lookup_name: str) -> Any:
        return super().get_lookup(lookup_name) if lookup_name == "isnull" else None
