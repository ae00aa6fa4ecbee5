"""The key that signs sessions and links: the operator's, or made once and kept on the disk."""

import contextlib
import os
import secrets
from pathlib import Path

from webapp import environment

LEAST = 50
SAMPLE = "change-me"


def secret_key(folder: Path) -> str:
    """SECRET_KEY from the environment, else the one in folder/secret_key (made on first use).

    Raises:
        SettingError: the given key is the sample or too short, or the folder cannot be written.
    """
    given = environment.text("SECRET_KEY")
    if given:
        if len(given) < LEAST or given.startswith(SAMPLE):
            raise environment.SettingError(
                "SECRET_KEY",
                given[:4] + "…",
                f"at least {LEAST} characters, not the sample",
                'Make one: python -c "import secrets; print(secrets.token_urlsafe(50))"',
            )
        return given
    try:
        return _kept_key(folder)
    except OSError as error:
        raise environment.SettingError(
            "RONDO_VAR",
            str(folder),
            "a folder that Rondo can write",
            f"{folder} cannot be written ({error.strerror}). Correct its owner or its disk, or name"
            " another folder: RONDO_VAR=/path ./run",
        ) from None


def _kept_key(folder: Path) -> str:
    """The key of an earlier start; else a new one, which appears whole under its name.

    A file that is empty, after a full disk, would make every session readable: it does not count.
    """
    file = folder / "secret_key"
    if not file.exists() or file.stat().st_size < LEAST:
        folder.mkdir(parents=True, exist_ok=True)
        new = folder / f"secret_key.{os.getpid()}"
        with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
            out.write(secrets.token_urlsafe(50))
        if file.exists():
            file.unlink(missing_ok=True)
        with contextlib.suppress(FileExistsError):
            os.link(new, file)  # unlike a rename, it does not replace a faster process's key
        new.unlink()
    return file.read_text().strip()
