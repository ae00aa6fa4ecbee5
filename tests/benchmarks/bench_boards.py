"""A board of a million votes: the job that counts it, the page that shows it, a vote that arrives.

    .venv/bin/python -m tests.benchmarks.bench_boards [--votes 1000000] [--read] [--keep FOLDER]

100 models, 1,000 annotators, 5,000 prompts, 500,000 answers, in a PostgreSQL of its own. Prints a
table for docs/benchmarks.md; wall and CPU seconds of this process, the database's own apart.
"""

import argparse
import contextlib
import json
import os
import resource
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

PROMPTS, MODELS, PEOPLE = 5_000, 100, 1_000

FILL = """
INSERT INTO annotation_prompt (workspace_id, messages, text, text_hash, split, language, use_case,
    tags, flags, source, source_id, licence, metadata, created_at{extra})
SELECT %(workspace)s, '[]', 'Question ' || n, decode(md5(n::text), 'hex'), 'train', 'en',
    'case ' || n %% 7, ARRAY['tag ' || n %% 5], '{{}}', '', '', '', '{{}}', now(){values}
FROM generate_series(1, %(prompts)s) n;
INSERT INTO annotation_completion (prompt_id, text, has_text, text_hash, generator, settings, flags,
    source_id, metadata, created_at{extra_c})
SELECT p.id, repeat('word ', 20 + m), true, decode(md5(p.id || ':' || m), 'hex'),
    'model ' || lpad(m::text, 3, '0'), '{{}}', '{{}}', '', '{{}}', now(){values_c}
FROM annotation_prompt p, generate_series(0, %(models)s - 1) m ORDER BY p.id, m;
INSERT INTO annotation_comparison (prompt_id, source, annotator_label, idempotency_key, comment,
    "group", source_id, metadata, created_at, left_id, right_id, choice, strength, order_known,
    seconds{extra_v})
SELECT a.prompt_id, 'human', 'worker ' || v.person, gen_random_uuid(), '', '', '', '{{}}',
    now() - interval '1 second' * (%(votes)s - v.n), a.id, b.id,
    CASE WHEN v.drawn < 0.18 THEN 'tie'
         WHEN v.won < 1 / (1 + exp((v.two - v.one) / 40.0)) THEN 'left' ELSE 'right' END,
    '', true, 20{values_v}
FROM (SELECT n, (random() * (%(prompts)s - 1))::int AS prompt, floor(random() * %(models)s)::int
        AS one, 1 + floor(random() * (%(models)s - 1))::int AS step, random() AS drawn,
        random() AS won, floor(random() * %(people)s)::int AS person,
        0 AS two FROM generate_series(1, %(votes)s) n) v
JOIN (SELECT min(id) AS base FROM annotation_completion) c ON true
JOIN annotation_completion a ON a.id = c.base + v.prompt * %(models)s + v.one
JOIN annotation_completion b
    ON b.id = c.base + v.prompt * %(models)s + (v.one + v.step) %% %(models)s;
ANALYZE;
"""


def measured(act: Callable[[], Any], times: int = 1) -> tuple[float, float, Any]:
    """(median wall, median CPU) seconds, and the last result."""
    walls, cpus, found = [], [], None
    for _ in range(times):
        wall, cpu = time.perf_counter(), time.process_time()
        found = act()
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
    return statistics.median(walls), statistics.median(cpus), found


def memory() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def defaults(table: str, named: str) -> tuple[str, str]:
    """Columns without a database default that the statement does not name, with plain values."""
    from django.apps import apps
    from django.db.models import NOT_PROVIDED

    model = apps.get_model("annotation", table)
    columns, values = [], []
    for field in model._meta.concrete_fields:
        quoted = f'"{field.column}"' if field.column == "group" else field.column
        if field.primary_key or field.null or quoted in named.replace("\n", " ").split(", "):
            continue
        words = {word.strip(' \n)"') for word in named.replace("\n", " ").split(",")}
        if field.column in words or field.db_default is not NOT_PROVIDED or field.generated:
            continue
        columns.append(quoted)
        values.append("'{}'" if "Array" in type(field).__name__ else "false"
                      if "Boolean" in type(field).__name__ else "''")  # fmt: skip
    return "".join(f", {name}" for name in columns), "".join(f", {value}" for value in values)


def fill(workspace: int, votes: int) -> None:
    from django.db import connection

    parts = FILL.split(";\n")
    names = [part[part.find("(") + 1 : part.find("{extra")] for part in parts[:3]]
    (extra, values), (extra_c, values_c), (extra_v, values_v) = (
        defaults(table, named)
        for table, named in zip(("prompt", "completion", "comparison"), names, strict=True)
    )
    statement = FILL.format(
        extra=extra, values=values, extra_c=extra_c, values_c=values_c, extra_v=extra_v,
        values_v=values_v,
    )  # fmt: skip
    given = {
        "workspace": workspace, "prompts": PROMPTS, "models": MODELS, "people": PEOPLE,
        "votes": votes,
    }  # fmt: skip
    with connection.cursor() as cursor:
        for part in statement.split(";\n"):
            if part.strip():
                cursor.execute(part, given)


def generated_report(board: Any, count: int) -> None:
    """The report and counts of as many generated votes, as the job would keep them, unread."""
    from django.utils import timezone

    from annotation.boards.counts import KeptCounts
    from annotation.boards.definition import Definition
    from annotation.boards.marks import Mark, next_mark
    from annotation.boards.report import board_report, counted_by_source
    from annotation.boards.votes import Label, Names, PromptLabels, Votes
    from annotation.models import BoardReport
    from tests.benchmarks.ratings_data import generated_votes

    drawn = generated_votes(count)
    names = Names(
        tuple(f"model {number:03d}" for number in range(MODELS)),
        tuple(Label(f"label:worker {one}", f"worker {one}") for one in range(PEOPLE)),
        tuple(
            PromptLabels(one + 1, f"case {one % 7}", "en", (f"tag {one % 5}",), str(one))
            for one in range(PROMPTS)
        ),
    )
    rows: dict[str, Any] = {
        "vote": np.arange(1, count + 1), "left": drawn.left, "right": drawn.right,
        "outcome": drawn.outcome, "annotator": drawn.person, "prompt": drawn.prompt,
        "at": np.arange(count),
    }  # fmt: skip
    votes = Votes.of(rows, names)
    parts = counted_by_source(votes, Definition())
    content = board_report(votes, Definition(), parts=parts)
    counts = KeptCounts.of(parts, content)
    assert counts is not None
    BoardReport.objects.create(
        board=board, version=board.version, votes_file={}, mark=next_mark(Mark()).as_json(),
        fingerprint=votes.fingerprint(), votes=count, content=content, counts=counts.to_bytes(),
        seconds=600.0, counted_at=timezone.now(), computed_at=timezone.now(),
    )  # fmt: skip
    size = len(json.dumps(content)), len(counts.to_bytes())
    print(f"report {size[0]:,} bytes of JSON, counts {size[1]:,} bytes", flush=True)


def run(votes: int, read: bool) -> None:
    import uuid

    from django.test import Client

    from annotation.boards.actions.board import BoardPlan, create_board
    from annotation.boards.actions.refresh_board import refresh_board
    from annotation.models import Board, Comparison
    from tests.cast import a_workspace, mia

    workspace = a_workspace()
    manager = mia(workspace)
    if not Comparison.objects.exists():
        wall, _cpu, _ = measured(lambda: fill(workspace.pk, votes))
        print(f"filled with {votes:,} votes in {wall:.0f} s", flush=True)
    print(f"load {os.getloadavg()[0]:.1f}", flush=True)
    Board.objects.all().delete()
    board = create_board(workspace=workspace, by=manager, plan=BoardPlan("Million"))
    client = Client()
    client.force_login(manager)
    address = f"/w/{workspace.slug}/boards/{board.pk}/"

    def page(part: str = "") -> Any:
        answer = client.get(address + part)
        assert answer.status_code == 200, answer.status_code
        return answer

    def robustness() -> Any:
        return page("figures/robustness/")

    def live() -> Any:
        from annotation.boards.counts import KeptCounts
        from annotation.domain.bradley_terry import BradleyTerryFit, fit_bradley_terry
        from annotation.domain.uncertainty import fisher, intervals
        from annotation.models import BoardReport

        kept = KeptCounts.from_bytes(bytes(BoardReport.objects.values_list("counts")[0][0]))
        fit = fit_bradley_terry(kept.sources["human"].cells())
        assert isinstance(fit, BradleyTerryFit)
        return intervals(fit, fisher(fit))

    rows = []
    rows.append(("page before anything was counted", *measured(page)[:2]))
    before = memory()
    rows.append(("page again", *measured(page, 5)[:2]))
    if read:
        first = measured(lambda: refresh_board(board=board))[:2]
        rows.append(("first count of all votes (a job)", *first))
    else:
        first = measured(lambda: generated_report(board, votes))[:2]
        rows.append(("all figures of as many generated votes, none read", *first))
    job_memory = memory()
    rows.append(("ratings, first time in this process (cold)", *measured(page)[:2]))
    rows.append(("ratings, nothing changed", *measured(page, 9)[:2]))
    rows += [
        (f"{part}, nothing changed", *measured(partial(page, f"figures/{part}/"), 5)[:2])
        for part in ("matrix", "slices", "robustness")
    ]
    last = Comparison.objects.order_by("-pk")[0]
    for _ in range(100):
        Comparison.objects.create(
            prompt=last.prompt, left=last.left, right=last.right, choice="left",
            annotator_label="worker 1", idempotency_key=uuid.uuid4(),
        )  # fmt: skip
    assert "include them already" in page().content.decode()
    rows.append(("ratings, 100 newer votes counted in", *measured(page, 9)[:2]))
    rows.append(("robustness, 100 newer votes, as counted", *measured(robustness, 5)[:2]))
    if read:
        again = measured(lambda: refresh_board(board=board))[:2]
        rows.append(("count of 100 newer votes (a job)", *again))
    rows.append(("the kept counts alone: read, fit, Fisher intervals", *measured(live, 15)[:2]))
    print("| what | wall s | CPU s |\n|---|---|---|")
    for name, wall, cpu in rows:
        print(f"| {name} | {wall:.3f} | {cpu:.3f} |")
    print(f"resident at most: {before:.0f} MB with pages, {job_memory:.0f} MB after the count")
    print(f"load {os.getloadavg()[0]:.1f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--votes", type=int, default=1_000_000)
    parser.add_argument("--keep", type=Path, help="a folder whose filled database is used again")
    parser.add_argument("--read", action="store_true", help="count by the job, which takes minutes")
    given = parser.parse_args()
    from webapp.services import postgres

    with contextlib.ExitStack() as stack:
        folder = given.keep or stack.enter_context(
            tempfile.TemporaryDirectory(prefix="rondo-boards-")
        )
        Path(folder).mkdir(exist_ok=True)
        quick = ["-c", "fsync=off", "-c", "full_page_writes=off", "-c", "shared_buffers=512MB"]
        with postgres.running(Path(folder) / "pg", "rondo", *quick) as place:
            os.environ.update(
                DATABASE_URL=f"postgresql:///rondo?host={place}",
                ARTIFACTS_URL=str(Path(folder) / "artifacts"),
                RONDO_VAR=str(folder),
                DJANGO_SETTINGS_MODULE="webapp.settings",
                BROKER_URL=f"redis+socket://{folder}/none.sock",
                RONDO_TESTING="true",
            )
            import django

            django.setup()
            from django.core.management import call_command
            from django.test.utils import setup_test_environment

            setup_test_environment()
            call_command("migrate", verbosity=0)
            call_command("collectstatic", interactive=False, verbosity=0)
            run(given.votes, given.read)


if __name__ == "__main__":
    main()
