"""G4, G5: what no importer may choke on, through the upload itself: a word with its line, never a
500, nothing half imported."""

import gzip
import io
import zipfile
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from annotation.models import Import, Prompt
from tests.annotation.imports.uploads import work
from tests.cast import PASSWORD, a_workspace, mia

pytestmark = pytest.mark.django_db
GOOD = b'{"prompt": "A fine prompt."}\n'


def a_zip() -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("../../evil.jsonl", "{}")
    return data.getvalue()


# name: (file name, bytes, records that come in)
BAD: dict[str, tuple[str, bytes, int]] = {
    "NUL": ("a.jsonl", GOOD + b'{"prompt": "a\\u0000b"}\n', 1),
    "raw NUL": ("a.jsonl", GOOD + b'{"prompt": "a\0b"}\n', 1),
    "lone surrogate": ("a.jsonl", GOOD + b'{"prompt": "\\ud800"}\n', 1),
    "raw surrogate": ("a.jsonl", GOOD + b'{"prompt": "\xed\xa0\x80"}\n', 1),
    "invalid UTF-8": ("a.jsonl", GOOD + b'{"prompt": "\xff\xfe"}\n', 1),
    "UTF-16": ("a.jsonl", GOOD.decode().encode("utf-16"), 0),
    "byte order mark": ("a.jsonl", b"\xef\xbb\xbf" + GOOD, 1),
    "CRLF and U+2028": ("a.jsonl", '{"prompt": "a\u2028b"}\r\n'.encode(), 1),
    "deep nesting": ("a.jsonl", GOOD + b'{"prompt": ' + b"[" * 100_000 + b"\n", 1),
    "double key": ("a.jsonl", GOOD + b'{"prompt": "a", "prompt": "b"}\n', 1),
    "NaN": ("a.jsonl", GOOD + b'{"prompt": "a", "x": NaN}\n', 1),
    "1e999": ("a.jsonl", GOOD + b'{"prompt": "a", "x": 1e999}\n', 1),
    "5000 digits": ("a.jsonl", GOOD + b'{"prompt": "a", "x": ' + b"9" * 5000 + b"}\n", 1),
    "half a line": ("a.jsonl", GOOD + b'{"prompt": "half', 1),
    "one long line": ("a.jsonl", GOOD + b'{"prompt": "' + b"a" * 17_000_000 + b'"}\n', 1),
    "zip slip": ("a.jsonl", a_zip(), 0),
    "cut gzip": ("a.jsonl.gz", gzip.compress(GOOD * 50)[:-9], 0),
    "bomb": ("a.jsonl.gz", gzip.compress(b" " * 80_000_000), 0),
    "no parquet": ("a.parquet", b"PAR1" + b"\0" * 50, 0),
    "pickle": ("a.jsonl", b"\x80\x04\x95\x00", 0),
    "open list": ("a.json", b'[{"prompt": "a"},', 0),
    "bidi and zero width": ("a.jsonl", '{"prompt": "a\u202eb\u200bc"}\n'.encode(), 1),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_file_is_answered_and_never_half_imported(
    case: str, client: Client, settings: Any
) -> None:
    name, data, good = BAD[case]
    workspace = a_workspace()
    client.force_login(
        mia(workspace, password=PASSWORD), backend=settings.AUTHENTICATION_BACKENDS[0]
    )
    address = reverse("annotation:import_new", args=[workspace.slug])
    assert client.post(address, {"file": SimpleUploadedFile(name, data)}).status_code == 302
    work()
    row = Import.objects.get()
    assert row.job is not None
    assert (row.job.state, row.state) == ("done", "checked"), row.job.error
    page = reverse("annotation:import", args=[workspace.slug, row.pk])
    assert client.get(page).status_code == 200
    client.post(
        reverse("annotation:import_start", args=[workspace.slug, row.pk]), {"act": "import"}
    )
    work()
    row.refresh_from_db()
    report = row.report
    assert report["rows"] == report["imported"] + report["duplicates"] + report["refused_rows"]
    assert Prompt.objects.count() == report["imported"] == good
    assert client.get(page).status_code == 200
    if not good:
        assert row.state == "kept_out"
        assert report["broken"]
