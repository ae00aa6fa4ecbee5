"""G4: archives and bombs at each of the three doors: a sentence, nothing kept, memory bounded."""

import io
import json
import pickle
import struct
import subprocess
import sys
import zipfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from annotation.models import Import, Prompt
from tests.annotation.imports.files import gz, jsonl, parquet, zst
from tests.annotation.imports.test_memory import ROOT
from tests.annotation.imports.uploads import work
from tests.cast import a_workspace, mia
from webapp.api.actions.token import create_token
from webapp.workspaces.models import Workspace

pytestmark = [pytest.mark.heavy, pytest.mark.django_db]
GOOD = jsonl(*[{"prompt": f"Name {number} rivers."} for number in range(50)])


def a_zip() -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as whole:
        whole.writestr("../../etc/cron.d/x", "* * * * * root true")
    return archive.getvalue()


def lying_parquet() -> bytes:
    """Its footer claims two gigabytes."""
    whole = bytearray(parquet({"prompt": "Name a river."}))
    whole[-8:-4] = struct.pack("<I", 2**31 - 1)
    return bytes(whole)


# name of the file: how it is made, and a word of the sentence.
HOSTILE: dict[str, tuple[Callable[[], bytes], str]] = {
    "bomb.jsonl.gz": (lambda: gz(GOOD + b" " * 80_000_000), "bomb"),
    "bomb.jsonl.zst": (lambda: zst(GOOD + b" " * 80_000_000), "bomb"),
    "line.jsonl.zst": (lambda: zst(b'{"prompt": "' + b"x" * 60_000_000), "is longer than"),
    "cut.jsonl.gz": (lambda: gz(GOOD)[:-12], "incomplete"),
    "cut.jsonl.zst": (lambda: zst(GOOD)[:-3], "incomplete"),
    "nested.jsonl.gz": (lambda: gz(gz(GOOD)), "compressed twice"),
    "nested.jsonl.zst": (lambda: zst(gz(GOOD)), "compressed twice"),
    "archive.jsonl": (a_zip, "zip archive"),
    "archive.jsonl.gz": (lambda: gz(a_zip()), "zip archive"),
    "pickle.jsonl": (lambda: pickle.dumps({"prompt": "x"}, protocol=4), "pickle"),
    "text.parquet": (lambda: GOOD, "not start like one"),
    "lying.parquet": (lying_parquet, "Parquet"),
    "cut.parquet": (lambda: parquet({"prompt": "Name a river."})[:-20], "Parquet"),
}


@cache
def made(name: str) -> bytes:
    return HOSTILE[name][0]()


@pytest.fixture
def cups() -> Workspace:
    return a_workspace()


def assert_kept_out(report: dict[str, Any], word: str) -> None:
    """One refusal that says why, and nothing of the file in the tables."""
    said = json.dumps(report["refused"]) + report["broken"]
    assert word in said, said[:500]
    assert report["imported"] == 0
    assert not report["stored"]
    assert not Prompt.objects.exists()


@pytest.mark.parametrize("name", HOSTILE)
def test_the_upload_page_says_what_is_wrong(name: str, cups: Workspace) -> None:
    client = Client()
    client.force_login(mia(cups))
    file = SimpleUploadedFile(name, made(name))
    sent = client.post(reverse("annotation:import_new", args=[cups.slug]), {"file": file})
    assert sent.status_code == 302
    work()
    row = Import.objects.get()
    assert_kept_out(row.check_report, HOSTILE[name][1])
    page = client.get(reverse("annotation:import", args=[cups.slug, row.pk]))
    assert page.status_code == 200
    assert HOSTILE[name][1] in page.content.decode()
    started = client.post(
        reverse("annotation:import_start", args=[cups.slug, row.pk]), {"act": "import"}
    )
    assert started.status_code == 302
    work()
    row.refresh_from_db()
    assert row.state == "kept_out"
    assert_kept_out(row.report, HOSTILE[name][1])


@pytest.mark.parametrize("name", HOSTILE)
def test_rest_says_what_is_wrong(name: str, cups: Workspace) -> None:
    _row, token = create_token(user=mia(cups), name="t", scope="write", days=1)
    client = Client(headers={"Authorization": f"Bearer {token}"})
    sent = client.post(
        f"{reverse('api_imports', args=[cups.slug])}?name={name}",
        made(name),
        content_type="application/octet-stream",
    )
    assert sent.status_code == 201
    pk = sent.json()["id"]
    started = client.post(
        reverse("api_import_start", args=[cups.slug, pk]), {}, content_type="application/json"
    )
    assert started.status_code == 200
    work()
    found = client.get(reverse("api_import", args=[cups.slug, pk])).json()
    assert found["state"] == "kept_out"
    assert_kept_out(found["report"], HOSTILE[name][1])


@pytest.mark.parametrize("name", HOSTILE)
def test_the_command_says_what_is_wrong_and_fails(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(made(name))
    report = tmp_path / "report.json"
    with pytest.raises(SystemExit) as ended:
        call_command("import_data", str(tmp_path / name), workspace="cups", report=report)
    assert ended.value.code == 1
    assert_kept_out(json.loads(report.read_text()), HOSTILE[name][1])
    assert not Workspace.objects.filter(slug="cups").exists()


READ = """
import sys
from annotation.imports.formats.reading import read_file
from annotation.imports.formats.refusals import FileRefused, Refusal
try:
    with open(sys.argv[1], "rb") as file:
        found = [item for item in read_file(file, sys.argv[1]).results if isinstance(item, Refusal)]
    print(found[0].reason)
except FileRefused as error:
    print(error)
status = open("/proc/self/status").read()
print(int(status.partition("VmHWM:")[2].split()[0]) / 1024)
"""


@pytest.mark.parametrize(
    "name", ["bomb.jsonl.gz", "bomb.jsonl.zst", "line.jsonl.zst", "lying.parquet"]
)
def test_memory_is_bounded_whatever_a_file_unpacks_to(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(made(name))
    done = subprocess.run(
        [sys.executable, "-c", READ, str(tmp_path / name)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    *said, peak = done.stdout.splitlines()
    assert HOSTILE[name][1] in " ".join(said)
    assert float(peak) < 200, done.stdout  # megabytes; unpacked they are 60 to 80, or claim 2,000
