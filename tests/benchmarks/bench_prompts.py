"""python -m tests.benchmarks.bench_prompts: the prompt browser at a million prompts, duplicates.

Starts a PostgreSQL of its own in a folder that it removes. The texts are made: words by Zipf's law,
a third of them small edits of others. Datasketch is measured where it is installed.

    --browser N     prompts for the browser (1,000,000)
    --duplicates N  prompts for the clusters (100,000)
"""

import argparse
import contextlib
import logging
import os
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

WORDS = 60_000
RUNS = 20
ROOT = Path(__file__).resolve().parents[2]


def texts(count: int, seed: int = 20261121) -> Iterator[str]:
    """`count` texts of 5 to 60 words; about a third are earlier ones with a word changed."""
    source = random.Random(seed)
    words = [_word(number) for number in range(WORDS)]
    weights = [1 / (rank + 10) for rank in range(WORDS)]
    total, bounds = 0.0, []
    for weight in weights:
        total += weight
        bounds.append(total)
    recent: list[list[str]] = []
    for _ in range(count):
        if recent and source.random() < 0.33:
            picked = list(source.choice(recent))
            picked[source.randrange(len(picked))] = source.choice(words)
        else:
            picked = source.choices(words, cum_weights=bounds, k=source.randrange(5, 60))
            if len(recent) < 20_000:
                recent.append(picked)
            else:
                recent[source.randrange(20_000)] = picked
        yield " ".join(picked)


def _word(number: int) -> str:
    consonants, vowels = "bcdfghklmnprstvw", "aeiou"
    parts, left = [], number + 80
    while left:
        left, at = divmod(left, 80)
        parts.append(consonants[at // 5] + vowels[at % 5])
    return "".join(parts)


def load() -> str:
    return f"load {os.getloadavg()[0]:.1f}"


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


# ---- the browser


def fill(workspace: Any, count: int) -> float:
    """COPY `count` prompts in; the seconds it took."""
    import hashlib
    import json

    from django.db import connection
    from django.utils import timezone

    source = random.Random(1)
    now = timezone.now()
    splits = ("train",) * 8 + ("validation", "held_out")
    cases = ("generation", "open_qa", "chat", "rewrite", "")
    columns = (
        "workspace_id, messages, text, text_hash, split, language, use_case, tags, flags, source,"
        " source_id, licence, metadata, created_at"
    )
    began = time.perf_counter()
    with connection.cursor() as cursor:
        # Built afterwards: what is measured here is reading, not the upkeep of eleven indexes.
        cursor.execute(
            "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'annotation_prompt'"
            " AND indexdef NOT LIKE 'CREATE UNIQUE%'"
        )
        indexes = cursor.fetchall()
        for name, _definition in indexes:
            cursor.execute(f'DROP INDEX "{name}"')
        with cursor.copy(f"COPY annotation_prompt ({columns}) FROM STDIN") as copy:
            for number, text in enumerate(texts(count)):
                tags = ["rare"] if number % 1000 == 7 else ["even"] if number % 2 == 0 else []
                turns = json.dumps([{"role": "user", "content": text}])
                row = (workspace.pk, turns, text, hashlib.sha256(f"{number}".encode()).digest())
                choices = (source.choice(splits), "en", source.choice(cases), tags, [])
                copy.write_row((*row, *choices, f"file-{number % 7}", "", "", "{}", now))
        for _name, definition in indexes:
            cursor.execute(definition)
        cursor.execute("ANALYZE annotation_prompt")
    return time.perf_counter() - began


def backend_ms() -> float:
    """What the database's process of this connection has computed so far, in ms (Linux)."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        pid = cursor.fetchone()[0]
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e6


def browse(count: int) -> None:
    from django.db import connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext

    from annotation.fingerprints import store_fingerprints
    from annotation.models import Prompt
    from tests.cast import a_workspace, log_in, mia

    workspace = a_workspace()
    client = log_in(Client(), mia(workspace))
    print(f"{count:,} prompts by COPY: {fill(workspace, count):.0f} s, {load()}")
    newest = list(Prompt.objects.order_by("-pk").values_list("pk", "messages")[:20_000])
    store_fingerprints(newest)  # the words of the fuzzy search
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE annotation_prompt, annotation_promptword")
    middle = newest[0][0] - count // 2
    common, rare = _word(3), _word(WORDS - 100)
    pages = {
        "first page": "",
        "a page in the middle": f"?after={middle}",
        "longest first": "?sort=longest",
        "split and use case": "?split=held_out&use_case=rewrite",
        "a rare tag": "?tag=rare",
        "a word in many prompts": f'?q="{common}"',
        "a rare word": f"?q={rare}",
        "two words": f'?q="{common}" {_word(2000)}',
        "a misspelt word": f"?q={rare[:4]}x{rare[4:]}&fuzzy=1",
        "no such word": '?q="qqqqq"',
        "a word or a rare one": f"?q={common} OR {rare}",
        "oldest first": "?sort=oldest",
        "a flag that none has": "?flag=email",
        "retired ones": "?retired=only",
        "added in the future": "?added_since=2040-01-01",
        "not judged": "?judged=no",
        "long ones of one source": "?source=file-3&shortest=400",
    }
    print("| page | median ms | 95th ms | CPU, ms: Django | PostgreSQL | queries |")
    print("|---|---|---|---|---|---|")
    for name, address in pages.items():
        client.get(f"/w/paper-cups/prompts/{address}")
        seen, cpu, asked = [], time.process_time(), backend_ms()
        for _ in range(RUNS):
            began = time.perf_counter()
            answer = client.get(f"/w/paper-cups/prompts/{address}")
            seen.append(1000 * (time.perf_counter() - began))
            assert answer.status_code == 200, answer.status_code
        used = 1000 * (time.process_time() - cpu) / RUNS
        served = (backend_ms() - asked) / RUNS
        with CaptureQueriesContext(connection) as queries:
            client.get(f"/w/paper-cups/prompts/{address}")
        seen.sort()
        p95 = seen[int(0.95 * len(seen))]
        print(
            f"| {name} | {statistics.median(seen):.0f} | {p95:.0f} | {used:.0f} | {served:.0f} |"
            f" {len(queries)} |"
        )
    print(load())


# ---- duplicates


def probe(count: int) -> None:
    """One new prompt against `count` stored ones."""
    from django.db import connection

    from annotation.actions.index_prompts import index_missing
    from annotation.fingerprints import near_prompts
    from annotation.models import Prompt
    from tests.cast import a_workspace

    workspace = a_workspace("Tea pots")
    fill(workspace, count)
    began = time.perf_counter()
    index_missing(workspace_id=workspace.pk, on_batch=lambda done: None)
    print(f"fingerprints of {count:,} prompts: {time.perf_counter() - began:.1f} s, {load()}")
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE annotation_promptfingerprint")
    source = random.Random(2)
    stored = list(Prompt.objects.filter(workspace=workspace).values_list("text", flat=True)[:5000])
    seen, found, cpu, asked = [], 0, time.process_time(), backend_ms()
    for _ in range(1000):
        words = source.choice(stored).split()
        words[source.randrange(len(words))] = "changed"
        turns = [{"role": "user", "content": " ".join(words)}]
        began = time.perf_counter()
        found += bool(near_prompts(workspace.pk, turns))
        seen.append(1000 * (time.perf_counter() - began))
    ours, theirs = time.process_time() - cpu, (backend_ms() - asked) / 1000
    seen.sort()
    print(
        f"one prompt: median {seen[500]:.2f} ms, 95th {seen[950]:.2f} ms; CPU {ours:.2f} ms and"
        f" PostgreSQL's {theirs:.2f} ms in the mean; {found} had one near; {load()}"
    )


def cluster(method: str, count: int) -> None:
    """One method in a process of its own, so that its memory can be told."""
    made = list(texts(count))
    before = peak_mb()
    began, cpu = time.perf_counter(), time.process_time()
    if method == "ours":
        from annotation.domain.deduplication import clusters_by_minhash

        clusters = clusters_by_minhash(made)
    elif method == "exact":
        from annotation.domain.deduplication import near_duplicate_clusters

        clusters = near_duplicate_clusters(made)
    else:
        clusters = _datasketch(made)
    seconds, used = time.perf_counter() - began, time.process_time() - cpu
    pairs = _chain(clusters)
    Path(sys.argv[-1]).write_text("\n".join(f"{a} {b}" for a, b in pairs))
    print(
        f"| {method} | {seconds:.1f} | {used:.1f} | {peak_mb():.0f} ({before:.0f} before) |"
        f" {len(clusters):,} |",
        end="",
    )


def _datasketch(made: list[str]) -> list[list[int]]:
    """As its documentation shows it: 128 permutations, every candidate checked exactly."""
    from datasketch import MinHash, MinHashLSH

    from annotation.domain.deduplication import UnionFind, clusters_of
    from annotation.domain.shingles import shingles_of

    lsh, sets = MinHashLSH(threshold=0.7, num_perm=128), UnionFind(len(made))
    rows = [set(shingles_of(text)) for text in made]
    for at, row in enumerate(rows):
        sketch = MinHash(num_perm=128)
        sketch.update_batch([shingle.encode() for shingle in row])
        for other in lsh.query(sketch):
            common = len(row & rows[other])
            if common >= 0.7 * (len(row) + len(rows[other]) - common):
                sets.join(other, at)
        lsh.insert(at, sketch)
    return clusters_of(sets)


def _chain(clusters: list[list[int]]) -> list[tuple[int, int]]:
    return [(cluster[0], each) for cluster in clusters for each in cluster[1:]]


def compare(count: int) -> None:
    """Recall: of the prompts that the exact answer joins to another, those joined to the same."""
    print("| method | wall s | CPU s | peak MB | clusters | recall |\n|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as name:
        truth: set[str] = set()
        for method in ("exact", "ours", "datasketch"):
            if method == "datasketch":
                try:
                    import datasketch  # noqa: F401
                except ImportError:
                    print("datasketch is not installed here")
                    continue
            out = Path(name) / method
            command = ["--cluster", method, "--duplicates", str(count), str(out)]
            subprocess.run(
                [sys.executable, "-m", "tests.benchmarks.bench_prompts", *command],
                cwd=ROOT,
                check=True,
            )
            found = set(out.read_text().splitlines())
            truth = truth or found
            print(f" {len(found & truth) / len(truth):.4f} |", flush=True)
    print(load())


@contextlib.contextmanager
def database() -> Iterator[None]:
    from django.conf import settings

    from webapp.services import postgres

    options = ["-c", "shared_buffers=512MB", "-c", "maintenance_work_mem=512MB"]
    options += ["-c", "fsync=off"]  # only the filling writes
    with contextlib.ExitStack() as stack:
        name = stack.enter_context(tempfile.TemporaryDirectory(prefix="rondo-bench-"))
        socket = stack.enter_context(postgres.running(Path(name) / "pg", "rondo", *options))
        os.environ["DATABASE_URL"] = f"postgresql:///rondo?host={socket}"
        import django

        settings.DATABASES["default"]["HOST"] = str(socket)
        settings.ALLOWED_HOSTS = ["*"]
        settings.STATIC_ROOT = Path(name) / "static"
        django.setup()
        logging.disable(logging.INFO)
        from django.core.management import call_command
        from django.db import connection

        call_command("migrate", verbosity=0)
        call_command("collectstatic", verbosity=0, interactive=False)
        yield
        connection.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--browser", type=int, default=1_000_000)
    parser.add_argument("--duplicates", type=int, default=100_000)
    parser.add_argument("--cluster", default="")
    parser.add_argument("out", nargs="?", default="")
    given = parser.parse_args()
    if given.cluster:
        cluster(given.cluster, given.duplicates)
        return
    if given.duplicates:
        compare(given.duplicates)
    with database():
        if given.duplicates:
            probe(given.duplicates)
        if given.browser:
            browse(given.browser)


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "webapp.settings")
    main()
