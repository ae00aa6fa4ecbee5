"""The whole way of a file: looked through, cancelled, imported, searched, frozen, taken home."""

import json
import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import zstandard
from django.db import connections
from playwright.sync_api import expect

from annotation.actions import run_import
from annotation.models import Comparison, Import, Prompt
from tests.cast import a_workspace, mia
from webapp.jobs import Work
from webapp.jobs.models import Job
from webapp.jobs.runner import run_next

pytestmark = pytest.mark.django_db(transaction=True)
PAIRS = 1_200
BAD_LINE = 700
BAD = {"prompt": "Name a lake.", "chosen": "Constance.", "rejected": "Constance."}


def pairs() -> Iterator[str]:
    for number in range(1, PAIRS + 1):
        pair = {
            "prompt": f"Name {number} rivers.",
            "chosen": f"Rhine, and {number - 1} others.",
            "rejected": "No.",
            "margin": 0.5,
        }
        yield json.dumps(BAD if number == BAD_LINE else pair) + "\n"


class Gate:
    """Where an import waits after its first rows, still saying where it is, until it is opened."""

    def __init__(self) -> None:
        self.open = threading.Event()
        self.open.set()

    def around(self, progress: Any) -> Any:
        def gated(work: Work, total: int | None) -> Callable[[int], None]:
            tell = progress(work, total)

            def step(rows: int) -> None:
                tell(rows)
                while not self.open.wait(0.3):
                    tell(rows)  # raises when the job is cancelled

            return step

        return gated


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Gate:
    gate = Gate()
    monkeypatch.setattr(run_import, "_progress", gate.around(run_import._progress))
    return gate


@pytest.fixture
def worker(gate: Gate) -> Iterator[None]:
    """A worker beside the server, in a thread with a connection of its own."""
    stop = threading.Event()

    def work() -> None:
        try:
            while not stop.is_set():
                if run_next(queue="default", worker="here") is None:
                    stop.wait(0.2)
        finally:
            connections.close_all()

    thread = threading.Thread(target=work)
    thread.start()
    yield
    stop.set()
    gate.open.set()
    thread.join(60)
    assert not thread.is_alive()


def test_a_file_becomes_a_snapshot(
    page: Any,
    live_server: Any,
    log_in_browser: Any,
    worker: None,
    gate: Gate,
    screenshot: Any,
    tmp_path: Path,
) -> None:
    file = tmp_path / "rivers.jsonl"
    file.write_text("".join(pairs()))
    workspace = a_workspace()
    log_in_browser(mia(workspace))
    here = f"{live_server.url}/w/{workspace.slug}"

    # Uploaded, and looked through before anything is kept.
    page.goto(f"{here}/imports/")
    page.get_by_role("link", name="Import the first file").click()
    page.get_by_label("File", exact=True).set_input_files(file)
    page.get_by_label("Licence").fill("CC0-1.0")
    page.get_by_role("button", name="Upload and look through it").click()
    page.get_by_text("What would come in").wait_for()
    start = page.get_by_role("button", name=f"Import {PAIRS - 1} rows")
    start.wait_for()
    assert not Prompt.objects.exists()

    # The import says how far it is; cancelled, it leaves nothing.
    gate.open.clear()
    start.click()
    page.get_by_text(f"500 of {PAIRS} rows").wait_for()
    page.wait_for_load_state()
    expect(page.locator("progress")).to_have_attribute("value", "500")
    screenshot("running")
    page.get_by_role("button", name="Cancel").click()
    page.get_by_text("Nothing of it was kept").wait_for()
    assert Job.objects.get(kind="import").state == "cancelled"
    assert not Prompt.objects.exists()

    # Once more, to the end. The refused row can be read back, with its line.
    gate.open.set()
    page.wait_for_load_state()
    page.get_by_role("button", name=f"Import {PAIRS - 1} rows").click()
    page.get_by_text("What came in").wait_for()
    row = Import.objects.get()
    assert (row.state, row.report["imported"], row.report["refused_rows"]) == (
        "imported",
        PAIRS - 1,
        1,
    )
    with page.expect_download() as waiting:
        page.get_by_role("link", name="Refused rows").click()
    (line,) = Path(waiting.value.path()).read_text().splitlines()
    refused = json.loads(line)
    assert refused["line"] == BAD_LINE
    assert json.loads(refused["original"]) == BAD
    assert refused["offset"] == sum(len(line) for line in list(pairs())[: BAD_LINE - 1])

    # Found again by its words.
    page.get_by_role("link", name="See its prompts").click()
    page.wait_for_selector("html[data-prompt-keys=ready]")
    expect(page.locator("#found")).to_contain_text(re.compile("1.?199 prompts"))
    page.get_by_label("Search", exact=True).fill("777")
    page.get_by_label("Search", exact=True).press("Enter")
    expect(page.locator("#found")).to_contain_text("1 prompt")
    expect(page.locator(".prompts tbody tr")).to_have_count(1)
    page.get_by_role("link", name="Name 777 rivers.").first.click()
    expect(page.get_by_text("Rhine, and 776 others.").first).to_be_visible()

    # Frozen, and taken home: the rows of the file.
    page.goto(f"{here}/snapshots/new/")
    page.get_by_label("Preferences: chosen").check()
    preview = page.get_by_role("region", name="What the file would hold")
    expect(preview.get_by_text("rivers.").first).to_be_visible()
    page.wait_for_load_state()
    page.get_by_label("Name", exact=True).fill("Rivers")
    page.get_by_role("button", name="Freeze").click()
    expect(page.get_by_role("heading", name="Rivers", exact=True)).to_be_visible()
    expect(page.get_by_role("heading", name="Known biases")).to_be_visible()
    with page.expect_download() as waiting:
        page.get_by_role("link", name="Download", exact=True).click()
    with Path(waiting.value.path()).open("rb") as packed:
        lines = zstandard.ZstdDecompressor().stream_reader(packed).read().splitlines()
    rows = {found["prompt"][0]["content"]: found for found in map(json.loads, lines)}
    assert len(lines) == len(rows) == PAIRS - 1 == Comparison.objects.count()
    found = rows["Name 777 rivers."]
    assert found["chosen"][0]["content"] == "Rhine, and 776 others."
    assert found["rejected"][0]["content"] == "No."
    assert (found["margin"], found["licence"]) == (0.5, "CC0-1.0")
    screenshot("frozen")
