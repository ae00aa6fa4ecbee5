"""H4: the commands of docs/operations.md, run as they stand there, bring everything back."""

import contextlib
import re
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from webapp.services import postgres

pytestmark = pytest.mark.heavy
ROOT = Path(__file__).resolve().parents[3]
DOC = (ROOT / "docs" / "operations.md").read_text()
TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"


def commands(beginning: str) -> str:
    """The one block of commands in the section on backups that begins like this."""
    section = DOC.split("## Backup and restore")[1].split("\n## ")[0]
    blocks: list[str] = re.findall(r"```sh\n(.*?)```", section, re.DOTALL)
    (found,) = [block for block in blocks if block.startswith(beginning)]
    return found


class Installation:
    """A folder as ./run leaves it: .venv, var/postgres, var/artifacts, a key."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        (folder / ".venv").symlink_to(sys.prefix)
        (folder / "var" / "artifacts").mkdir(parents=True)

    def sh(self, script: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            ["sh", "-ec", script],
            cwd=self.folder,
            env={
                "PATH": f"{Path(sys.prefix) / 'bin'}:{postgres.binaries()}:/usr/bin:/bin",
                "PYTHONPATH": str(ROOT),
                "PGHOST": str(self.folder / "var" / "postgres"),
                "PGUSER": "postgres",
                "DATABASE_URL": f"postgresql://postgres@/rondo?host={self.folder}/var/postgres",
                "ARTIFACTS_URL": str(self.folder / "var" / "artifacts"),
                "RONDO_VAR": str(self.folder / "var"),
                "RONDO_TESTING": "true",
            },
            capture_output=True,
            text=True,
            check=False,
        )

    def manage(self, *words: str) -> "subprocess.CompletedProcess[str]":
        return self.sh(f"python {ROOT}/manage.py {' '.join(words)}")

    def connect(self) -> "psycopg.Connection":
        return psycopg.connect(
            host=str(self.folder / "var" / "postgres"), user="postgres", dbname="rondo"
        )

    def counts(self) -> dict[str, int]:
        with self.connect() as connection:
            names = [name for (name,) in connection.execute(TABLES)]
            counted = {}
            for name in names:
                row = connection.execute(f'SELECT count(*) FROM "{name}"').fetchone()
                counted[name] = row[0] if row else 0
            return counted

    def write_workspaces(self, stop: threading.Event) -> list[str]:
        """Somebody at work: each name in the list was acknowledged by a commit."""
        written: list[str] = []
        with self.connect() as connection:
            while not stop.is_set():
                name = f"w{len(written)}"
                connection.execute(
                    "INSERT INTO workspaces_workspace (name, slug, description, created_at)"
                    " VALUES (%s, %s, '', now())",
                    [name, name],
                )
                connection.commit()
                written.append(name)
        return written


@contextlib.contextmanager
def an_installation(folder: Path) -> Iterator[Installation]:
    place = Installation(folder)
    with postgres.running(place.folder / "var" / "postgres", "rondo") as socket:
        assert socket == place.folder / "var" / "postgres", "a path short enough for a socket"
        yield place


@pytest.fixture
def short_folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="rondo-backup-") as folder:
        yield Path(folder)


def test_h4_what_was_backed_up_under_load_is_all_there_after_a_restore(short_folder: Path) -> None:
    with an_installation(short_folder / "old") as old:
        assert old.manage("migrate", "--verbosity", "0").returncode == 0
        made = old.manage("create_admin", "--email", "ada@rondo.test")
        assert made.returncode == 0, made.stderr
        (old.folder / "var" / "artifacts" / "export.csv").write_text("a,b\n")
        (old.folder / "var" / "secret_key").write_text("k" * 50)
        before = old.counts()
        stop = threading.Event()
        with ThreadPoolExecutor() as pool:
            work = pool.submit(old.write_workspaces, stop)
            script = commands("bin=").replace("/somewhere/safe", str(short_folder / "safe"))
            (short_folder / "safe").mkdir()
            backed_up = old.sh(script)
            stop.set()
            written = work.result()
        assert backed_up.returncode == 0, backed_up.stderr
        dump = old.folder / "rondo.dump"
    with an_installation(short_folder / "new") as new:
        (new.folder / "rondo.dump").write_bytes(dump.read_bytes())
        restore = commands("createdb").replace("createdb rondo\n", "")  # made with the server
        restore = restore.replace("python manage.py", f"python {ROOT}/manage.py")
        shutil.copytree(
            short_folder / "safe" / "artifacts",
            new.folder / "var" / "artifacts",
            dirs_exist_ok=True,
        )
        restored = new.sh(restore)
        assert restored.returncode == 0, restored.stderr + restored.stdout
        assert "All is well." in restored.stdout
        after = new.counts()
        kept = after.pop("workspaces_workspace") - before.pop("workspaces_workspace")
        assert after == before
        assert 0 <= kept <= len(written), "a consistent moment while somebody worked"
        with new.connect() as connection:
            names = connection.execute("SELECT name FROM workspaces_workspace ORDER BY id")
            assert [name for (name,) in names][-kept:] == written[:kept], "the first ones, no gap"
        assert (new.folder / "var" / "artifacts" / "export.csv").read_text() == "a,b\n"
        damaged = bytearray(dump.read_bytes())
        del damaged[len(damaged) // 2 :]
        (new.folder / "rondo.dump").write_bytes(bytes(damaged))
        refused = new.sh(f"psql -qc 'DROP DATABASE rondo' postgres; {commands('createdb')}")
        assert refused.returncode != 0, "half a dump is not restored in silence"
        assert "pg_restore: error" in refused.stderr
