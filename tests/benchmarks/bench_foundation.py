"""python -m tests.benchmarks.bench_foundation: starts, two pages and the memory of the web process.

Starts `manage.py up` twice on a new folder (libraries are installed already), asks the login page
and an empty workspace's page one at a time, and reads the server's own time from its log.
"""

import contextlib
import http.client
import json
import os
import re
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
REQUESTS = 200


def start(
    environment: dict[str, str], out: Path, port: int
) -> "tuple[subprocess.Popen[bytes], float]":
    """Seconds until the login page answers."""
    began = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "manage.py", "up"], cwd=ROOT, env=environment, stdout=out.open("ab")
    )
    while True:
        with contextlib.suppress(OSError, http.client.HTTPException):
            if get(port, "/account/login/") == 200:
                return process, time.monotonic() - began
        if process.poll() is not None:
            sys.exit(out.read_text())
        time.sleep(0.05)


def get(port: int, address: str, cookie: str = "") -> int:
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=20)) as asked:
        asked.request("GET", address, headers={"Cookie": cookie} if cookie else {})
        answer = asked.getresponse()
        answer.read()
        return answer.status


def a_session() -> tuple[str, str]:
    """A cookie of mia's and the address of her empty workspace."""
    import django

    django.setup()
    from django.conf import settings
    from django.test import Client

    from webapp.accounts.models import User
    from webapp.workspaces.actions.workspace import create_workspace

    mia = User.objects.create_user("mia@example.org", "a long password", is_site_admin=True)
    workspace = create_workspace(name="Empty", by=mia)
    client = Client()
    client.force_login(mia, backend=settings.AUTHENTICATION_BACKENDS[0])
    name = settings.SESSION_COOKIE_NAME
    return f"{name}={client.cookies[name].value}", f"/w/{workspace.slug}/"


def memory(supervisor: int) -> dict[str, tuple[int, int]]:
    """Name -> (resident, proportional share) in MB, of the web server's processes."""
    found = {}
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            if (
                "gunicorn" in command
                and f"{os.environ['RONDO_VAR']}".encode() in (entry / "environ").read_bytes()
            ):
                rollup = (entry / "smaps_rollup").read_text()
                kilobytes = re.findall(r"^(?:Rss|Pss): +(\d+)", rollup, re.M)
                parent = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
                name = "master" if parent == supervisor else f"process {entry.name}"
                found[name] = (int(kilobytes[0]) // 1024, int(kilobytes[1]) // 1024)
    return found


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="rondo-bench-", ignore_cleanup_errors=True) as name:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        os.environ.update(RONDO_VAR=f"{name}/var", LISTEN=f"127.0.0.1:{port}", LOG_FORMAT="json")
        out = Path(name, "out")
        print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
        process, seconds = start(dict(os.environ), out, port)
        print(f"first start to an answering page   {seconds:6.1f} s")
        process.send_signal(signal.SIGINT)
        process.wait()
        process, seconds = start(dict(os.environ), out, port)
        print(f"second start to an answering page  {seconds:6.1f} s")
        try:
            cookie, workspace = a_session()
            for address, as_who in (("/account/login/", ""), (workspace, cookie)):
                before = len(out.read_text().splitlines())
                statuses = {get(port, address, as_who) for _ in range(REQUESTS)}
                time.sleep(1)
                lines = out.read_text().splitlines()[before:]
                entries = [json.loads(line.split("| ", 1)[1]) for line in lines if '"ms"' in line]
                taken = sorted(entry["ms"] for entry in entries if entry["status"] == 200)
                slow = taken[int(len(taken) * 0.95)]
                print(
                    f"{address:34} {statistics.median(taken):6.1f} ms median, {slow:.1f} ms 95th"
                    f" of {len(taken)}; statuses {statuses}"
                )
            for which, (resident, share) in sorted(memory(process.pid).items()):
                print(f"gunicorn {which:25} {resident:6} MB resident, {share} MB its share")
        finally:
            process.send_signal(signal.SIGINT)
            process.wait()


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "webapp.settings")
    main()
