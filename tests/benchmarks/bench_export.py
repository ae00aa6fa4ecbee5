"""A million triples out: JSON Lines beside a bare COPY of the same query, Parquet beside pandas.

    .venv/bin/python -m tests.benchmarks.bench_export [--triples 1000000] [--rounds 3] [--pandas]

Every path runs in a process of its own, in turns; its peak resident memory is its own. Prints a
table for docs/benchmarks.md. pandas is no dependency of Rondo: install it beside to compare.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

PER_PROMPT = 8
NAMES = ("copy", "join", "gz", "zst", "freeze", "parquet", "pandas", "pandas-join")

PROMPTS = """
INSERT INTO annotation_prompt (workspace_id, messages, text, text_hash, split, language, use_case,
    tags, flags, source, source_id, licence, metadata, created_at)
SELECT %s, jsonb_build_array(jsonb_build_object('role', 'user', 'content', said)), said,
    sha256(convert_to(said, 'UTF8')), 'train', 'en', 'brainstorming', '{}', '{}', 'bench', '',
    'CC0', '{}', now()
FROM (SELECT 'Prompt ' || n || ': ' || repeat(md5(n::text) || ' ', 4) AS said
      FROM generate_series(1, %s) n) made
"""
ANSWERS = """
INSERT INTO annotation_completion (prompt_id, text, has_text, text_hash, generator, settings, flags,
    source_id, metadata, created_at)
SELECT prompt.id, said, true, sha256(convert_to(said, 'UTF8')), 'model-' || k, '{}', '{}', '',
    '{}', now()
FROM annotation_prompt prompt, generate_series(1, 4) k, LATERAL (
    SELECT 'Answer ' || k || E' \\n"' || string_agg(md5((prompt.id * 31 + k * 7 + j)::text), ' ')
        AS said
    FROM generate_series(1, 8) j) made
"""
VOTES = """
INSERT INTO annotation_comparison (prompt_id, source, annotator_label, idempotency_key, comment,
    "group", source_id, metadata, created_at, left_id, right_id, choice, strength, order_known)
SELECT prompt.id, 'human', 'ann-' || (i % 7), gen_random_uuid(), '', '', '', '{}', now(),
    answers[1 + i % 4], answers[1 + (i + 1 + i / 4) % 4],
    CASE WHEN (prompt.id + i) % 2 = 0 THEN 'left' ELSE 'right' END, '', true
FROM annotation_prompt prompt
JOIN (SELECT prompt_id, array_agg(id ORDER BY id) AS answers FROM annotation_completion
      GROUP BY prompt_id) found ON found.prompt_id = prompt.id,
    generate_series(0, 7) i
"""
# What somebody would write who wants the rows and no more: a join in any order.
JOIN = """
SELECT p.messages, c.text AS chosen, r.text AS rejected, b.annotator_label AS annotator,
    c.generator AS chosen_model, r.generator AS rejected_model, p.source, p.licence, p.use_case
FROM annotation_comparison b
JOIN annotation_prompt p ON p.id = b.prompt_id
JOIN annotation_completion c
    ON c.id = CASE WHEN b.choice = 'right' THEN b.right_id ELSE b.left_id END
JOIN annotation_completion r
    ON r.id = CASE WHEN b.choice = 'right' THEN b.left_id ELSE b.right_id END
"""


def fill(triples: int) -> None:
    from django.core.management import call_command
    from django.db import connection

    from webapp.workspaces.models import Workspace

    call_command("migrate", verbosity=0)
    workspace = Workspace.objects.create(name="Bench", slug="bench")
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
        cursor.execute(PROMPTS, [workspace.pk, triples // PER_PROMPT])
        cursor.execute(ANSWERS)
        cursor.execute(VOTES)
        print(f"{cursor.rowcount:,} comparisons", flush=True)
        cursor.execute("VACUUM ANALYZE")


def run(name: str, out: Path) -> dict[str, float]:
    """One path, in this process: seconds, peak MB, bytes written."""
    from django.db import connection, transaction

    from annotation.exports.containers import compressed
    from annotation.exports.formats import Rows
    from annotation.exports.lines import _COPY, Tally, _walk_in_order, lines
    from annotation.exports.picking import Pick
    from annotation.exports.plan import ExportPlan, Kind
    from annotation.exports.statements import lines_query
    from annotation.judgement_filter import JudgementFilter
    from webapp.workspaces.models import Workspace

    workspace = Workspace.objects.get()
    plan = ExportPlan(Kind.PREFERENCE)
    pick = Pick(workspace, plan, JudgementFilter())

    def copy_of(query: str, values: object) -> int:
        size = 0
        with connection.cursor() as cursor:
            cursor.execute("SET statement_timeout = 0")
            with cursor.copy(query, values) as copy:
                for row in copy:
                    size += len(row)
        return size

    def bare() -> int:
        with connection.cursor() as cursor:
            _walk_in_order(cursor)
        query, values = lines_query(pick)
        return copy_of(_COPY.format(query), values)

    def written(kind: str) -> int:
        tally = Tally()
        with out.open("wb") as file:
            made = (
                Rows(lines(pick, tally), plan).written("parquet")
                if kind == "parquet"
                else compressed(lines(pick, tally), kind)
            )
            for block in made:
                file.write(block)
        assert tally.rows > 0
        return out.stat().st_size

    def pandas() -> int:
        """The same rows of the same query, as somebody would who has pandas and the lines."""
        import pandas as pd

        with connection.cursor() as cursor:
            _walk_in_order(cursor)
            cursor.execute(*lines_query(pick))
            lines_of = [row[0] for row in cursor.fetchall() if row[0] is not None]
        frame = pd.DataFrame.from_records([json.loads(line) for line in lines_of])
        frame.to_parquet(out, compression="zstd")
        return out.stat().st_size

    def pandas_join() -> int:
        """A bare join in any order: none of the snapshot's groups, weights and shapes."""
        import pandas as pd

        connection.ensure_connection()
        frame = pd.read_sql(JOIN, connection.connection)
        frame["messages"] = frame["messages"].map(json.dumps)
        frame.to_parquet(out, compression="zstd")
        return out.stat().st_size

    def frozen() -> int:
        from training.actions.freeze_snapshot import freeze_snapshot
        from training.actions.write_snapshot import write_snapshot

        snapshot = freeze_snapshot(
            workspace=workspace,
            by=None,
            name=f"bench {time.time()}",
            plan=plan,
            chosen=JudgementFilter(),
            queue=False,
        )
        write_snapshot(snapshot=snapshot, path=f"snapshots/bench-{os.getpid()}.jsonl.zst")
        return int(snapshot.artifact["size"])

    acts: dict[str, Callable[[], int]] = {
        "copy": bare,
        "join": lambda: copy_of(f"COPY ({JOIN}) TO STDOUT", None),
        "gz": lambda: written("gz"),
        "zst": lambda: written("zst"),
        "parquet": lambda: written("parquet"),
        "pandas": pandas,
        "pandas-join": pandas_join,
    }
    before = time.perf_counter()
    if name == "freeze":
        size = frozen()
        seconds = time.perf_counter() - before
    else:
        with transaction.atomic():
            if name not in ("join", "pandas-join"):
                pick.lay_out()  # the query's own tables: part of none of the paths
            before = time.perf_counter()
            size = acts[name]()
            seconds = time.perf_counter() - before
    return {"seconds": seconds, "mb": peak_memory(), "bytes": size}


def peak_memory() -> float:
    """MB resident at most since this program began (getrusage would count its parent's too)."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--triples", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--pandas", action="store_true")
    parser.add_argument("--cold", action="store_true", help="no turn for warming up")
    parser.add_argument("--only", nargs="*", choices=NAMES, default=list(NAMES))
    parser.add_argument("--path", choices=NAMES, help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.path:
        import django

        django.setup()
        print(json.dumps(run(given.path, given.out)))
        return
    from webapp.services import postgres

    folder = Path(tempfile.mkdtemp(prefix="rondo-bench-"))
    try:
        with postgres.running(folder / "pg", "rondo") as socket:
            os.environ.update(
                DATABASE_URL=f"postgresql:///rondo?host={socket}",
                RONDO_VAR=str(folder),
                ARTIFACTS_URL=str(folder / "artifacts"),
                DJANGO_SETTINGS_MODULE="webapp.settings",
                RONDO_TESTING="true",
            )
            import django

            django.setup()
            fill(given.triples)
            _measure(given, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _measure(given: argparse.Namespace, folder: Path) -> None:
    names = [name for name in given.only if given.pandas or not name.startswith("pandas")]
    seen: dict[str, list[dict[str, float]]] = {name: [] for name in names}
    for turn in range(given.cold, given.rounds + 1):
        for name in names:
            command = [sys.executable, "-m", "tests.benchmarks.bench_export", "--path", name]
            done = subprocess.run(
                [*command, "--out", str(folder / "out")], capture_output=True, text=True
            )
            if done.returncode:
                raise SystemExit(done.stderr[-3000:])
            found = json.loads(done.stdout.splitlines()[-1])
            if turn:  # the first turn warms the caches
                seen[name].append(found)
            load = os.getloadavg()[0]
            print(f"{name}: {found['seconds']:.2f} s, {found['mb']:.0f} MB, load {load:.1f}")
            sys.stdout.flush()
    print("\n| path | median s | rows/s | peak MB | file MB | rate beside COPY |")
    print("|---|---|---|---|---|---|")
    median = {
        name: statistics.median(run["seconds"] for run in runs) for name, runs in seen.items()
    }
    for name, runs in seen.items():
        peak = max(run["mb"] for run in runs)
        ratio = median.get("copy", 0.0) / median[name]
        print(
            f"| {name} | {median[name]:.2f} | {given.triples / median[name]:,.0f} | {peak:.0f} | "
            f"{runs[0]['bytes'] / 1e6:.0f} | {ratio:.2f} |"
        )
    if {"pandas", "parquet"} <= set(names):
        print(f"Parquet: {median['pandas'] / median['parquet']:.2f} times pandas' rate")


if __name__ == "__main__":
    main()
