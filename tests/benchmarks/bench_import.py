"""An import beside a raw COPY of the same rows into the same tables, on one machine, in turns.

    .venv/bin/python -m tests.benchmarks.bench_import [--conversations 100000] [--rounds 3]
    .venv/bin/python -m tests.benchmarks.bench_import --memory 1000

ShareGPT-like conversations of five messages. The first prints a table for docs/benchmarks.md; the
second imports a file of so many megabytes once and prints the peak of resident memory.
"""

import argparse
import json
import os
import random
import statistics
import string
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MESSAGES = 5
WORDS_PER_MESSAGE = 65  # some 400 bytes, as in the real file
TABLES = ("annotation_prompt", "annotation_demonstration")


def conversations(count: int, seed: int = 20261121) -> Iterator[bytes]:
    """JSON lines. The words are drawn like a language's: few are frequent, many are rare."""
    draw = random.Random(seed)
    letters = string.ascii_lowercase
    words = ["".join(draw.choices(letters, k=draw.randint(2, 9))) for _ in range(20_000)]
    weights = [1 / (rank + 3) for rank in range(len(words))]
    pool = draw.choices(words, weights, k=400_000)
    for number in range(count):
        turns = [{"from": "system", "value": f"You are assistant {number % 7}."}]
        for position in range(MESSAGES - 1):
            start, length = draw.randrange(399_800), draw.randint(10, 2 * WORDS_PER_MESSAGE)
            text = " ".join(pool[start : start + length])
            if draw.random() < 0.15:
                text += f'\n\n```python\nprint("{number}")\n```\nIt’s {draw.randint(1, 9999)}.'
            turns.append({"from": ("human", "gpt")[position % 2], "value": text})
        record = {"id": f"c{number}", "conversations": turns}
        yield json.dumps(record, ensure_ascii=False).encode() + b"\n"


def import_once(path: str, slug: str) -> None:
    """In a process of its own: import the file, say how long it took and how large it grew."""
    import django

    django.setup()
    from annotation.actions.import_data import ImportPlan, import_data
    from webapp.workspaces.models import Workspace

    workspace = Workspace.objects.get(slug=slug)
    base = peak_memory()
    with open(path, "rb") as file:
        began, cpu = time.perf_counter(), time.process_time()
        report = import_data(workspace=workspace, by=None, file=file, plan=ImportPlan("x.jsonl"))
        wall, cpu = time.perf_counter() - began, time.process_time() - cpu
    peak = peak_memory()
    said = {
        "wall": wall,
        "cpu": cpu,
        "base": base,
        "peak": peak,
        "rows": report.rows,
        "new": report.imported,
    }
    print(json.dumps(said))


def peak_memory() -> float:
    """MB resident at most since this program began (getrusage would count its parent's too)."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def measured(path: Path, slug: str) -> dict[str, float]:
    command = [sys.executable, "-m", "tests.benchmarks.bench_import", "--once", str(path), slug]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=False, text=True)
    if done.returncode:
        sys.exit(done.stderr)
    return dict(json.loads(done.stdout.splitlines()[-1]))


class Raw:
    """The rows that the import made, kept as COPY's own text, and put back by COPY alone."""

    def __init__(self, folder: Path) -> None:
        from django.apps import apps

        self.folder = folder
        self.columns = {
            model._meta.db_table: ", ".join(
                f'"{field.column}"' for field in model._meta.concrete_fields
            )
            for model in apps.get_app_config("annotation").get_models()
            if model._meta.db_table in TABLES
        }

    def keep(self) -> None:
        from django.db import connection

        for table in TABLES:
            statement = f"COPY {table} ({self.columns[table]}) TO STDOUT"
            with (
                (self.folder / table).open("wb") as out,
                connection.cursor() as cursor,
                cursor.copy(statement) as copy,
            ):
                for piece in copy:
                    out.write(piece)

    def seconds(self) -> float:
        from django.db import connection, transaction

        began = time.perf_counter()
        with transaction.atomic(), connection.cursor() as cursor:
            for table in TABLES:
                statement = f"COPY {table} ({self.columns[table]}) FROM STDIN"
                with (self.folder / table).open("rb") as rows, cursor.copy(statement) as copy:
                    while piece := rows.read(262_144):
                        copy.write(piece)
        return time.perf_counter() - began


def empty() -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE annotation_prompt, annotation_demonstration CASCADE")
        cursor.execute("VACUUM ANALYZE annotation_prompt, annotation_demonstration")
        cursor.execute("CHECKPOINT")


def compare(folder: Path, count: int, rounds: int) -> None:
    from webapp.workspaces.models import Workspace

    Workspace.objects.create(name="Bench", slug="bench")
    path = folder / "conversations.jsonl"
    with path.open("wb") as out:
        out.writelines(conversations(count))
    raw, imports, copies = Raw(folder), [], []
    for _round in range(rounds):
        empty()
        imports.append(measured(path, "bench"))
        raw.keep()
        empty()
        copies.append(raw.seconds())
        print(f"import {imports[-1]}  COPY {copies[-1]:.2f} s", file=sys.stderr)
    wall = statistics.median(one["wall"] for one in imports)
    copy = statistics.median(copies)
    ratio = statistics.median(c / one["wall"] for c, one in zip(copies, imports, strict=True))
    size = path.stat().st_size / 1e6
    print(f"{count} conversations, {size:.0f} MB; load {os.getloadavg()[0]:.1f}")
    print("| what | wall s | client CPU s | rows/s | peak MB | of it before the import |")
    print("|---|---|---|---|---|---|")
    print(f"| raw COPY of the same rows | {copy:.1f} | | {count / copy:.0f} | | |")
    cpu = statistics.median(one["cpu"] for one in imports)
    peak = max(one["peak"] for one in imports)
    base = max(one["base"] for one in imports)
    print(f"| **import** | {wall:.1f} | {cpu:.1f} | {count / wall:.0f} | {peak:.0f} | {base:.0f} |")
    print(f"share of COPY's rate {ratio:.2f}")


def memory(folder: Path, megabytes: int) -> None:
    from webapp.workspaces.models import Workspace

    Workspace.objects.create(name="Bench", slug="bench")
    path = folder / "large.jsonl"
    with path.open("wb") as out:
        for line in conversations(10_000_000):
            out.write(line)
            if out.tell() > megabytes * 1_000_000:
                break
    found = measured(path, "bench")
    print(
        f"{megabytes} MB: {found['rows']:.0f} rows, {found['new']:.0f} new, {found['wall']:.0f} s,"
        f" peak {found['peak']:.0f} MB resident, {found['base']:.0f} before the import;"
        f" load {os.getloadavg()[0]:.1f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--conversations", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--memory", type=int, metavar="MEGABYTES")
    parser.add_argument("--once", nargs=2, metavar=("FILE", "SLUG"))
    wanted = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "webapp.settings")
    if wanted.once:
        import_once(*wanted.once)
        return
    from webapp.services import postgres

    with tempfile.TemporaryDirectory(
        prefix="rondo-bench-", dir=os.environ.get("BENCH_DIR")
    ) as name:
        folder = Path(name)
        with postgres.running(folder / "pg", "rondo") as socket:
            os.environ.update(
                DATABASE_URL=f"postgresql:///rondo?host={socket}",
                RONDO_VAR=name,
                BROKER_URL=f"redis+socket://{name}/no-broker.sock",
                LOG_LEVEL="ERROR",
            )
            import django
            from django.core.management import call_command

            django.setup()
            call_command("migrate", verbosity=0)
            if wanted.memory:
                memory(folder, wanted.memory)
            else:
                compare(folder, wanted.conversations, wanted.rounds)


if __name__ == "__main__":
    main()
