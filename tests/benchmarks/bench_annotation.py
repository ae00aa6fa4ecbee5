"""Claim and submit, 1 and 16 annotators at once: Rondo beside a bare application that does nothing
else (annotation_limit.py), on one machine, in turns, in one run.

    .venv/bin/python -m tests.benchmarks.bench_annotation [--items 10000] [--seconds 10]

Prints a table for docs/benchmarks.md. A step is one claim and one submit over REST. The limit's
queue is always as long: with more items it says what else the machine was doing.
"""

import argparse
import contextlib
import http.client
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

REPO_ROOT = Path(__file__).resolve().parents[2]
PEOPLE = 16
FEW = 10_000  # items that are laid out as a page does it
PROMPTS = 20_000  # at most; more items ask for them again
LIMIT_ITEMS = 60_000
OPTIONS = ("-c", "max_connections=100", "-c", "max_wal_size=4GB")
Step = Callable[[http.client.HTTPConnection, int], bool]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def gunicorn(application: str, env: dict[str, str], log: Path) -> Iterator[int]:
    """Two processes of eight threads, as the limit of perf.md had."""
    port = free_port()
    command = [sys.executable, "-m", "gunicorn", "-b", f"127.0.0.1:{port}", "-w", "2"]
    command += ["--threads", "8", "-k", "gthread", "--keep-alive", "60", application]
    with open(log, "ab") as out:
        server = subprocess.Popen(
            command, env=os.environ | env, stdout=out, stderr=out, cwd=REPO_ROOT
        )
    try:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.1)
        else:
            raise SystemExit(f"{application} did not start; see {log}")
        yield port
    finally:
        server.terminate()
        server.wait(20)


def ask(
    server: http.client.HTTPConnection, path: str, body: dict[str, Any], headers: dict[str, str]
) -> tuple[int, Any]:
    server.request("POST", path, json.dumps(body), {"Content-Type": "application/json", **headers})
    answer = server.getresponse()
    content = answer.read()
    return answer.status, json.loads(content) if content else None


def limit_step(server: http.client.HTTPConnection, who: int) -> bool:
    _status, claimed = ask(server, f"/claim/{who}/", {}, {})
    if claimed["item"] is None:
        return False
    body = {"id": claimed["item"]["id"], "choice": "left"}
    status, _answer = ask(server, f"/submit/{who}/", body, {})
    assert status == 201, status
    return True


def rondo_step(base: str, tokens: list[str]) -> Step:
    def step(server: http.client.HTTPConnection, who: int) -> bool:
        headers = {"Authorization": f"Bearer {tokens[who]}"}
        status, claimed = ask(server, base + "claim/", {}, headers)
        assert status == 200, (status, claimed)
        item = claimed["item"]
        if item is None:
            return False
        body = {"key": str(uuid.uuid4()), "attempt": item["attempt"], "choice": "left"}
        path = f"{base}assignments/{item['assignment']}/submit/"
        status, answer = ask(server, path, body, headers)
        assert status == 201, (status, answer)
        return True

    return step


def rondo_onward(base: str, tokens: list[str]) -> Step:
    """The same in one request: the answer to a submission brings the next item (`next`)."""
    held: dict[http.client.HTTPConnection, Any] = {}  # begun anew with each connection

    def step(server: http.client.HTTPConnection, who: int) -> bool:
        headers = {"Authorization": f"Bearer {tokens[who]}"}
        if server not in held:
            held[server] = ask(server, base + "claim/", {}, headers)[1]["item"]
        item = held.pop(server)
        if item is None:
            return False
        body = {"key": str(uuid.uuid4()), "attempt": item["attempt"], "choice": "left"}
        path = f"{base}assignments/{item['assignment']}/submit/"
        status, answer = ask(server, path, {**body, "next": True}, headers)
        assert status == 201, (status, answer)
        held[server] = answer["item"]
        return True

    return step


def drive(port: int, step: Step, clients: int, seconds: float) -> dict[str, float]:
    """Run `clients` threads for `seconds`; steps a second, and the step's p50 and p95 in ms."""
    times: list[list[float]] = [[] for _ in range(clients)]
    start = threading.Barrier(clients + 1)
    errors: list[BaseException] = []

    def work(who: int) -> None:
        server = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        server.connect()
        server.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        start.wait()
        end = time.monotonic() + seconds
        try:
            while (began := time.monotonic()) < end and step(server, who):
                times[who].append(time.monotonic() - began)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=[who]) for who in range(clients)]
    for thread in threads:
        thread.start()
    start.wait()
    began = time.monotonic()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    passed = time.monotonic() - began
    every = sorted(one for own in times for one in own)
    return {
        "rate": len(every) / passed,
        "p50": 1000 * statistics.median(every),
        "p95": 1000 * every[int(0.95 * (len(every) - 1))],
    }


def prepare(items: int) -> tuple[str, list[str]]:
    """Tables, people with tokens, prompts with two answers each, one open campaign."""
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import connection

    call_command("migrate", verbosity=0)
    call_command("createcachetable", verbosity=0)
    from annotation.actions.open_campaign import Plan, open_campaign
    from annotation.models import Prompt
    from tests.cast import a_workspace, join, mia, person
    from webapp.api.actions.token import create_token
    from webapp.api.models import ApiToken

    workspace = a_workspace()
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO annotation_prompt (workspace_id, messages, text, text_hash, split,
                language, use_case, tags, flags, source, source_id, licence, metadata, created_at)
            SELECT %s, jsonb_build_array(jsonb_build_object('role', 'user', 'content', t)), t,
                sha256(convert_to(t, 'UTF8')), 'train', '', '', '{}', '{}', '', '', '', '{}', now()
            FROM (SELECT 'Tell me fact ' || n AS t FROM generate_series(1, %s) n) texts""",
            [workspace.pk, min(items, PROMPTS)],
        )
        cursor.execute(
            """
            INSERT INTO annotation_completion (prompt_id, text, has_text, text_hash, generator,
                settings, flags, source_id, metadata, created_at)
            SELECT id, repeat(g || ' answers. ', 20), true, sha256(convert_to(g, 'UTF8')), g,
                '{}', '{}', '', '{}', now()
            FROM annotation_prompt, unnest(ARRAY['one', 'two']) g"""
        )
    # Ten thousand items are answered in less than a minute; asked of three they last for three.
    overlap = 3 if items <= FEW else 1
    plan = Plan(name="Benchmark", kind="comparison", overlap=overlap)
    manager = mia(workspace)
    prompts = Prompt.objects.filter(workspace=workspace)
    campaign = open_campaign(workspace=workspace, by=manager, plan=plan, prompts=prompts, most=FEW)
    if items > FEW:
        lay_out_by_hand(campaign, items)
    tokens = []
    for number in range(PEOPLE):
        someone = person(f"worker-{number}@rondo.test")
        join(workspace, someone, "annotator")
        _row, secret = create_token(user=someone, name="bench", scope=ApiToken.Scope.WRITE, days=1)
        tokens.append(secret)
    return f"/api/v1/workspaces/{workspace.slug}/campaigns/{campaign.pk}/", tokens


def lay_out_by_hand(campaign: Any, items: int) -> None:
    """A million items by statements; open_campaign writes them through the ORM, a job of minutes.
    Fifty items ask for each prompt then, and foreign keys are not checked row by row.
    """
    from django.db import connection

    from annotation.actions.open_campaign import _add_slots

    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        for table in ("assignment", "itemcompletion", "item"):
            cursor.execute(f"DELETE FROM annotation_{table}")
        cursor.execute(
            """
            INSERT INTO annotation_item (campaign_id, prompt_id)
            SELECT %s, prompt.id FROM generate_series(1, %s) AS again, annotation_prompt prompt
            ORDER BY again, prompt.id""",
            [campaign.pk, max(1, items // PROMPTS)],
        )
    _add_slots(campaign)
    with connection.cursor() as cursor:
        cursor.execute("RESET session_replication_role")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--rounds", type=int, default=3)
    wanted = parser.parse_args()
    sys.path.insert(0, str(REPO_ROOT))
    from webapp.services import postgres

    with tempfile.TemporaryDirectory(prefix="rondo-bench-") as folder:
        var = Path(folder)
        with postgres.running(var / "pg", "rondo", *OPTIONS) as sockets:
            os.environ |= {
                "RONDO_VAR": folder,
                "DATABASE_URL": f"postgresql:///rondo?host={sockets}",
                "DJANGO_SETTINGS_MODULE": "webapp.settings",
                "API_REQUESTS_PER_MINUTE": "1000000",
                "LOG_LEVEL": "WARNING",
            }
            run(var, str(sockets), wanted)


def run(var: Path, sockets: str, wanted: argparse.Namespace) -> None:
    import psycopg

    from tests.benchmarks.annotation_limit_tables import FILL, SCHEMA

    began = time.monotonic()
    base, tokens = prepare(wanted.items)
    print(f"{wanted.items} items laid out in {time.monotonic() - began:.0f} s", flush=True)
    with psycopg.connect(host=sockets, user="postgres", dbname="postgres", autocommit=True) as one:
        one.execute("CREATE DATABASE bare")
    with psycopg.connect(host=sockets, user="postgres", dbname="bare", autocommit=True) as bare:
        bare.execute(SCHEMA)
        bare.execute(FILL.format(n=LIMIT_ITEMS))
    limit_env = {"LIMIT_DATABASE": "bare", "LIMIT_HOST": sockets}
    found: dict[tuple[str, int], list[dict[str, float]]] = {}
    with (
        gunicorn("tests.benchmarks.annotation_limit:application", limit_env, var / "limit") as bare,
        gunicorn("webapp.wsgi:application", {}, var / "rondo.log") as ours,
    ):
        sides: list[tuple[str, int, Step]] = [
            ("limit", bare, limit_step),
            ("Rondo", ours, rondo_step(base, tokens)),
            ("Rondo, next with the answer", ours, rondo_onward(base, tokens)),
        ]
        for _name, port, step in sides:  # a listening socket does not mean that all is loaded
            drive(port, step, PEOPLE, 1.0)
        for _ in range(wanted.rounds):
            for clients in (1, PEOPLE):
                for name, port, step in sides:
                    measured = drive(port, step, clients, wanted.seconds)
                    found.setdefault((name, clients), []).append(measured)
    report(found)
    check_no_doubles()


def report(found: dict[tuple[str, int], list[dict[str, float]]]) -> None:
    middle = {
        key: {name: statistics.median(one[name] for one in rounds) for name in rounds[0]}
        for key, rounds in found.items()
    }
    print("| clients | | steps/s | share of the limit | p50 ms | p95 ms | times the limit |")
    print("|---|---|---|---|---|---|---|")
    for (name, clients), one in sorted(middle.items(), key=lambda entry: entry[0][1]):
        bare = middle["limit", clients]
        print(
            f"| {clients} | {name} | {one['rate']:.0f} | {one['rate'] / bare['rate']:.2f} |"
            f" {one['p50']:.1f} | {one['p95']:.1f} | {one['p95'] / bare['p95']:.1f} |"
        )


def check_no_doubles() -> None:
    from django.db.models import Count

    from annotation.models import Comparison

    doubles = Comparison.objects.values("assignment").annotate(n=Count("pk")).filter(n__gt=1)
    print(f"{Comparison.objects.count()} votes, {doubles.count()} slots answered twice")


if __name__ == "__main__":
    main()
