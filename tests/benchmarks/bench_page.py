"""The annotation page in Chromium over the real server: bytes over the wire, time to interactive.

    .venv/bin/python -m tests.benchmarks.bench_page [--rounds 7]

Each round opens the page in a new browser profile (nothing cached) and once more with its cache.
Interactive: DOMContentLoaded is over, so every deferred script has run and the keys work.
"""

import argparse
import os
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.benchmarks.bench_annotation import REPO_ROOT, gunicorn

PASSWORD = "a long enough secret"
MEASURE = """() => {
  const page = performance.getEntriesByType("navigation")[0];
  const files = performance.getEntriesByType("resource");
  return {
    bytes: page.transferSize + files.reduce((sum, one) => sum + one.transferSize, 0),
    document: page.transferSize,
    files: files.length,
    answered: page.responseStart,
    interactive: page.domContentLoadedEventEnd,
  };
}"""


def prepare() -> dict[str, str]:
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    call_command("createcachetable", verbosity=0)
    call_command("collectstatic", verbosity=0, interactive=False)
    from annotation.actions.assign import assign
    from tests.annotation.material import a_campaign
    from tests.cast import a_workspace, ann, mia

    workspace = a_workspace()
    person = ann(workspace, password=PASSWORD)
    pages = {}
    for kind, more in (
        ("demonstration", {}),
        ("comparison", {}),
        ("ranking", {"answers": 9}),
    ):
        campaign = a_campaign(workspace, mia(workspace), kind=kind, guidelines="Be kind.", **more)
        assert assign(campaign=campaign, annotator=person) is not None
        pages[kind] = f"/w/{workspace.slug}/work/{campaign.pk}/"
    return pages


def log_in(page: Any, base: str) -> None:
    page.goto(f"{base}/account/login/")
    page.fill("input[name=login]", "ann@rondo.test")
    page.fill("input[name=password]", PASSWORD)
    page.click("form button[type=submit], main form button")
    page.wait_for_url(lambda url: "/login" not in url)


def measure(base: str, pages: dict[str, str], rounds: int) -> None:
    from playwright.sync_api import sync_playwright

    print("| page | kB over the wire | of it the document | files | ms to interactive | cached |")
    print("|---|---|---|---|---|---|")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox", "--disable-gpu"]
        )
        with browser.new_context() as known:
            log_in(known.new_page(), base)
            state = known.storage_state()
        for kind, path in pages.items():
            cold, warm = [], []
            for _ in range(rounds):
                with browser.new_context(storage_state=state) as context:
                    page = context.new_page()
                    for found in (cold, warm):
                        page.goto(base + path, wait_until="load")
                        found.append(page.evaluate(MEASURE))
            first = cold[0]
            print(
                f"| {kind} | {first['bytes'] / 1000:.1f} | {first['document'] / 1000:.1f} |"
                f" {first['files']} | {middle(cold):.0f} | {middle(warm):.0f} |"
            )
        browser.close()


def middle(rounds: list[dict[str, float]]) -> float:
    return statistics.median(one["interactive"] for one in rounds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    wanted = parser.parse_args()
    sys.path.insert(0, str(REPO_ROOT))
    from webapp.services import postgres

    with tempfile.TemporaryDirectory(prefix="rondo-bench-") as folder:
        var = Path(folder)
        with postgres.running(var / "pg", "rondo") as sockets:
            os.environ |= {
                "RONDO_VAR": folder,
                "DATABASE_URL": f"postgresql:///rondo?host={sockets}",
                "DJANGO_SETTINGS_MODULE": "webapp.settings",
                "DJANGO_ALLOW_ASYNC_UNSAFE": "1",
                "LOG_LEVEL": "WARNING",
            }
            pages = prepare()
            with gunicorn("webapp.wsgi:application", {}, var / "rondo.log") as port:
                measure(f"http://127.0.0.1:{port}", pages, wanted.rounds)


if __name__ == "__main__":
    main()
