"""A map of 20,000 points in Chromium over the real server: milliseconds between frames while it is
panned and zoomed by a mouse.

    python -m tests.benchmarks.bench_map_page [--points 20000] [--seconds 6] [--width 1280]

Points are drawn in 40 clouds of two data sets; Chromium paints without a graphics card. A frame is
what lies between two calls of requestAnimationFrame while the mouse is moved without a pause. The
CPU time is the page's own main thread's for each of them, whatever else the machine does.
"""

import argparse
import os
import random
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.benchmarks.bench_annotation import REPO_ROOT, gunicorn
from tests.benchmarks.bench_page import PASSWORD

CLOUDS, SEED = 40, 0
RECORD = """() => {
  const frames = (window.frames_ = []);
  let before = null;
  const step = (now) => {
    if (before !== null) frames.push(now - before);
    before = now;
    window.recording_ = requestAnimationFrame(step);
  };
  requestAnimationFrame(step);
}"""
STOP = "() => { cancelAnimationFrame(window.recording_); return window.frames_; }"


def prepare(points: int) -> str:
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    call_command("createcachetable", verbosity=0)
    call_command("collectstatic", verbosity=0, interactive=False)
    from django.utils import timezone

    from annotation.models import Prompt
    from tests.cast import a_workspace, mia
    from tests.training.registry import a_model
    from training.models import MapPoint, PromptMap

    workspace = a_workspace()
    manager = mia(workspace, password=PASSWORD)
    prompts = Prompt.objects.bulk_create(
        (
            Prompt(
                workspace=workspace,
                messages=[{"role": "user", "content": f"Prompt {number}"}],
                text=f"Prompt {number}",
                text_hash=number.to_bytes(32),
                source="one" if number % 2 else "other",
            )
            for number in range(points)
        ),
        batch_size=2000,
    )
    drawn = PromptMap.objects.create(
        workspace=workspace,
        name="large",
        version=a_model(workspace, manager),
        sets=[{"name": name, "filter": {"source": [name]}} for name in ("one", "other")],
        most=points,
        report={
            "points": points,
            "prompts": [points // 2] * 2,
            "left_out": [0, 0],
            "perplexity": 30.0,
            "trustworthiness": 0.9,
            "neighbours": 10,
            "embedded": points,
        },
        created_by=manager,
        finished_at=timezone.now(),
    )
    chance = random.Random(SEED)
    middles = [(chance.uniform(-60, 60), chance.uniform(-60, 60)) for _ in range(CLOUDS)]
    rows = []
    for number, prompt in enumerate(prompts):
        x, y = middles[number % CLOUDS]
        rows.append(
            MapPoint(
                map=drawn,
                number=number,
                x=chance.gauss(x, 6),
                y=chance.gauss(y, 6),
                prompts=[prompt.pk],
                counts=[number % 2, 1 - number % 2],
            )
        )
    MapPoint.objects.bulk_create(rows, batch_size=2000)
    return f"/w/{workspace.slug}/prompts/maps/{drawn.pk}/"


def measure(base: str, path: str, seconds: float, width: int) -> None:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page(viewport={"width": width, "height": 900})
        page.goto(f"{base}/account/login/")
        page.fill("input[name=login]", "mia@rondo.test")
        page.fill("input[name=password]", PASSWORD)
        page.click("main form button")
        page.wait_for_url(lambda url: "/login" not in url)
        began = time.perf_counter()
        page.goto(base + path)
        page.locator("#map[data-ready]").wait_for(timeout=120_000)
        print(f"opened: {time.perf_counter() - began:.1f} s; load {os.getloadavg()[0]:.1f}")
        box = page.locator("#map-canvas").bounding_box()
        assert box is not None
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        print("| what | frames | ms, middle | p95 | longest | ms of CPU |")
        print("|---|---|---|---|---|---|")
        client = page.context.new_cdp_session(page)
        client.send("Performance.enable", {"timeDomain": "threadTicks"})
        for name, act in (("rest", still), ("pan", pan), ("zoom", zoom), ("pan, zoomed in", pan)):
            page.mouse.move(x, y)
            page.evaluate(RECORD)
            before = worked(client)
            act(page, x, y, seconds)
            told(name, page.evaluate(STOP), worked(client) - before)
            if name == "zoom":  # to a quarter of the width
                for _ in range(9):
                    page.mouse.wheel(0, -100)
        browser.close()


def worked(client: Any) -> float:
    """Seconds of CPU of the page's main thread so far."""
    found = client.send("Performance.getMetrics")["metrics"]
    return float(next(one["value"] for one in found if one["name"] == "TaskDuration"))


def still(page: Any, _x: float, _y: float, seconds: float) -> None:
    page.wait_for_timeout(1000 * seconds)


def pan(page: Any, x: float, y: float, seconds: float) -> None:
    page.mouse.down()
    repeat(lambda n: page.mouse.move(x + 150 * tooth(n), y + 80 * tooth(n + 20)), seconds)
    page.mouse.up()


def zoom(page: Any, _x: float, _y: float, seconds: float) -> None:
    repeat(lambda n: page.mouse.wheel(0, -40 if n // 30 % 2 == 0 else 40), seconds)


def tooth(n: int) -> float:
    """To and fro between -1 and 1 in 80 steps."""
    return abs((n % 80) - 40) / 20 - 1


def repeat(act: Callable[[int], None], seconds: float) -> None:
    end, number = time.perf_counter() + seconds, 0
    while time.perf_counter() < end:
        act(number)
        number += 1


def told(name: str, frames: list[float], cpu: float) -> None:
    ordered = sorted(frames)
    middle, high = ordered[len(ordered) // 2], ordered[int(0.95 * (len(ordered) - 1))]
    each = 1000 * cpu / len(frames)
    figures = " | ".join(f"{value:.1f}" for value in (middle, high, ordered[-1], each))
    print(f"| {name} | {len(frames)} | {figures} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, default=20_000)
    parser.add_argument("--seconds", type=float, default=6.0)
    parser.add_argument("--width", type=int, default=1280)
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
            path = prepare(wanted.points)
            with gunicorn("webapp.wsgi:application", {}, var / "rondo.log") as port:
                measure(f"http://127.0.0.1:{port}", path, wanted.seconds, wanted.width)


if __name__ == "__main__":
    main()
