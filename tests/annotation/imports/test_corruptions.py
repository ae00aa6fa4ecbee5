"""G5 and G6 against every importer: what is wrong is named by its line, nothing half done."""

import io
import json
from typing import Any

import pytest

from annotation.actions.import_data import ImportPlan, ImportReport, import_data
from annotation.models import Comparison, Completion, Demonstration, Prompt, Ranking, Rating
from tests.annotation.imports.files import EXAMPLES, gz, jsonl, zst
from tests.cast import a_workspace
from webapp.workspaces.models import Workspace

pytestmark = [pytest.mark.heavy, pytest.mark.django_db]
TABLES = (Prompt, Completion, Demonstration, Comparison, Ranking, Rating)

# Lines that no importer may take, and a word of the reason.
BROKEN: dict[bytes, str] = {
    b'{"prompt": "a\xff"}': "UTF-8",
    b'{"prompt": "a\x00b"}': "NUL",
    b'{"prompt": "a\\u0000b"}': "NUL",
    b'{"prompt": "\\ud800"}': "surrogate",
    b"[" * 1000 + b"]" * 1000: "levels deep",
    b"[" * 100_000 + b"]" * 100_000: "levels deep",
    b'{"prompt": "a", "prompt": "b"}': "twice",
    b'{"prompt": NaN}': "NaN",
    b'{"prompt": 1e999}': "too large",
    b'{"prompt": ' + b"9" * 5000 + b"}": "too large",
    b'{"prompt": "a"': "cut off",
    b"\xff\xfe{\x00}\x00": "UTF-8",
    b"7": "",
    b"null": "",
    b'"text"': "",
    b"{}": "",
}


def bring(data: bytes, example: dict[str, Any], name: str = "x.jsonl", **plan: Any) -> ImportReport:
    workspace = Workspace.objects.filter(slug="paper-cups").first() or a_workspace()
    return import_data(
        workspace=workspace,
        by=None,
        file=io.BytesIO(data),
        plan=ImportPlan(name, format_name=example["format"], **plan),
    )


def kept() -> int:
    return sum(table._default_manager.count() for table in TABLES)


def by_name(example: dict[str, Any]) -> str:
    return f"{example['format']}-{example['variant']}"


@pytest.mark.parametrize("example", EXAMPLES, ids=by_name)
def test_broken_lines_are_refused_by_number_and_their_neighbour_is_kept(
    example: dict[str, Any],
) -> None:
    good = jsonl(example["record"])
    data = b"\n".join(BROKEN) + b"\n" + good
    whole = bring(data, example, all_or_nothing=True)
    assert (whole.stored, whole.imported, kept()) == (False, 0, 0)
    report = bring(data, example)
    assert report.stored
    assert (report.rows, report.imported) == (len(BROKEN) + 1, 1)
    assert report.refused_rows == len(BROKEN)
    assert [found["line"] for found in report.refused] == list(range(1, len(BROKEN) + 1))
    for found, word in zip(report.refused, BROKEN.values(), strict=True):
        assert found["reason"]
        assert word in found["reason"], found
    offsets = [data.index(line + b"\n") for line in list(BROKEN)[:3]]
    assert [found["offset"] for found in report.refused[:3]] == offsets
    alone = kept()
    assert alone > 0
    again = bring(good, example)
    assert (again.imported, again.duplicates, kept()) == (0, 1, alone)


@pytest.mark.parametrize("example", EXAMPLES, ids=by_name)
def test_a_file_that_breaks_off_is_never_imported_in_part(example: dict[str, Any]) -> None:
    good = jsonl(example["record"])
    for data, name in (
        (gz(good)[:-9], "x.jsonl.gz"),
        (zst(good)[:-2], "x.jsonl.zst"),
        (b"[" + good.strip() + b",", "x.json"),
        (b"[" + good.strip() + b"\n" + good.strip() + b"]", "x.json"),
    ):
        report = bring(data, example, name)
        assert not report.stored, name
        assert report.broken
        assert report.rows == report.imported + report.withheld + report.refused_rows
        assert kept() == 0


@pytest.mark.parametrize("example", EXAMPLES, ids=by_name)
def test_a_mark_of_byte_order_and_windows_line_ends_change_nothing(example: dict[str, Any]) -> None:
    line = json.dumps(example["record"], ensure_ascii=False).encode()
    report = bring(b"\xef\xbb\xbf" + line + b"\r\n\r\n", example)
    assert (report.rows, report.imported) == (1, 1)
    before = kept()
    assert bring(line, example).duplicates == 1
    assert kept() == before
