"""python -m tests.secret_scan: no key, token or password slips into a commit.

.secrets.baseline lists what was looked at and found harmless (an example in a sentence, say), by
hash; `python -m tests.secret_scan --accept` writes it anew. Tests may invent passwords.
A file is scanned again when it, the scanner or this module changed (.secrets_cache.json).
"""

import hashlib
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from detect_secrets.__version__ import VERSION
from detect_secrets.core.scan import scan_file
from detect_secrets.settings import default_settings

ROOT = Path(__file__).resolve().parent.parent
BASELINE = ROOT / ".secrets.baseline"
SEEN = ROOT / ".secrets_cache.json"
# Named places only: a walk of everything would take half an hour in .venv.
SCANNED = (
    *(".ci", ".github", "annotation", "docs", "static", "templates", "tests", "training", "webapp"),
    *("docker-compose.yml", "Dockerfile", "manage.py", "pyproject.toml", "setup.sh", "run", "test"),
    *(".env.example", "README.md", "CONTRIBUTING.md"),
)
NOT_SCANNED = ("static/vendor/", "tests/oracles/cases/", "__pycache__/", ".min.js")


def files() -> Iterator[str]:
    for name in SCANNED:
        top = ROOT / name
        for path in sorted(top.rglob("*")) if top.is_dir() else [top]:
            relative = path.relative_to(ROOT).as_posix()
            if path.is_file() and not any(part in relative for part in NOT_SCANNED):
                yield relative


def found() -> dict[str, dict[str, str]]:
    """Path -> hash -> sentence, of everything that looks like a secret."""
    before = seen()
    now = {}
    rules = VERSION.encode() + Path(__file__).read_bytes()
    with default_settings():
        for name in files():
            digest = hashlib.sha256(rules + Path(name).read_bytes()).hexdigest()
            known = before.get(name, {})
            now[name] = {digest: known[digest] if digest in known else secrets_of(name)}
    SEEN.write_text(json.dumps(now))
    return {name: hits for name, scan in now.items() for hits in scan.values() if hits}


def seen() -> dict[str, dict[str, dict[str, str]]]:
    """Path -> digest of its content -> hash -> sentence, as the last scan left it."""
    try:
        return json.loads(SEEN.read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return {}


def secrets_of(name: str) -> dict[str, str]:
    return {
        secret.secret_hash: f"{name}:{secret.line_number}: {secret.type}"
        for secret in scan_file(name)
        if not (name.startswith("tests/") and secret.type == "Secret Keyword")
    }


def main() -> int:
    os.chdir(ROOT)
    hits = found()
    if "--accept" in sys.argv:
        accepted = {name: sorted(hashes) for name, hashes in sorted(hits.items())}
        BASELINE.write_text(json.dumps(accepted, indent=1) + "\n")
        return 0
    accepted = json.loads(BASELINE.read_text())
    new = [
        sentence
        for name, hashes in hits.items()
        for digest, sentence in hashes.items()
        if digest not in accepted.get(name, [])
    ]
    for sentence in new:
        print(sentence)
    if new:
        print("Take these out. If they are harmless: python -m tests.secret_scan --accept")
    return 1 if new else 0


if __name__ == "__main__":
    sys.exit(main())
