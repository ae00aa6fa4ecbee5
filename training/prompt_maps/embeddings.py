"""Embeddings of texts: those that are stored, the rest by the model in a process of its own."""

import hashlib
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _

from training.models import ModelVersion, PromptEmbedding
from webapp.jobs import JobFailed, Work
from webapp.jobs.supervise import Tail

A_BATCH = 2000
BATCH_TOKENS = 8192
SILENT_SECONDS = 900.0  # loading the largest model
MOST_CHARACTERS = 20_000  # beyond any embedding model's window; the hash is of the whole text


def hash_of(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def embed_missing(work: Work, version: ModelVersion, texts: dict[bytes, str]) -> int:
    """Store an embedding of each text (by its hash) that has none; returns how many were made.

    Raises:
        JobFailed: the model cannot be used; the sentence says why. What was made stays.
    """
    known: set[bytes] = set()
    hashes = list(texts)
    for start in range(0, len(hashes), A_BATCH):
        known |= set(_stored(version, hashes[start : start + A_BATCH]))
    missing = [key for key in hashes if key not in known]
    if not missing:
        return 0
    # By length, so that a batch is little padding.
    missing.sort(key=lambda key: (len(texts[key]), key))
    work.progress(0, len(missing), _("Embedding texts with %s") % version)
    try:
        model = version.folder()
    except (OSError, ValueError) as gone:
        raise JobFailed(
            _("The files of %(model)s cannot be read: %(why)s") % {"model": version, "why": gone}
        ) from None
    with tempfile.TemporaryDirectory(prefix="rondo-embedding-") as name:
        folder = Path(name)
        given = {"model": str(model), "sha256": version.sha256, "batch_tokens": BATCH_TOKENS}
        (folder / "embedding.json").write_text(json.dumps(given))
        with (folder / "texts.jsonl").open("w") as file:
            file.writelines(json.dumps(texts[key][:MOST_CHARACTERS]) + "\n" for key in missing)
        (folder / "vectors.f16").touch()
        _run(work, version, folder, missing)
    return len(missing)


def _run(work: Work, version: ModelVersion, folder: Path, missing: list[bytes]) -> None:
    done = 0
    with (folder / "vectors.f16").open("rb") as vectors:

        def heard(lines: list[bytes]) -> None:
            nonlocal done
            for line in lines:
                said = json.loads(line)
                if said["kind"] == "embedded":
                    here = missing[done : said["done"]]
                    rows = [vectors.read(2 * said["dimension"]) for _key in here]
                    _keep(work, version, here, rows)
                    done = said["done"]
            work.progress(done, len(missing))

        ended = work.supervise(
            [sys.executable, "-m", "training.trainers.embedding", str(folder)],
            folder=settings.BASE_DIR,
            log=folder / "log",
            events=Tail(folder / "events.jsonl"),
            on_lines=heard,
            stall_seconds=SILENT_SECONDS,
        )
    said = (folder / "log").read_text(errors="replace")
    if ended.code or done < len(missing):
        raise JobFailed(
            _("%(model)s could not embed the texts: %(why)s")
            % {"model": version, "why": last_line(said, ended.code)},
            detail=said,
        )


def last_line(said: str, code: int) -> str:
    """The last thing that a process said, for people, or how it ended."""
    return (said.strip().splitlines() or [_("it ended with code %d.") % code])[-1][:300]


def _keep(work: Work, version: ModelVersion, keys: list[bytes], rows: list[bytes]) -> None:
    with work.fenced():
        PromptEmbedding.objects.bulk_create(
            (
                PromptEmbedding(version=version, text_hash=key, vector=row)
                for key, row in zip(keys, rows, strict=True)
            ),
            batch_size=1000,
            ignore_conflicts=True,  # another map of the same texts was faster
        )


def write_vectors(version: ModelVersion, hashes: Sequence[bytes], path: Path) -> None:
    """The stored embeddings of these texts as one file of rows, in this order."""
    with path.open("wb") as file:
        for start in range(0, len(hashes), A_BATCH):
            some = hashes[start : start + A_BATCH]
            found = _stored(version, some)
            if gone := len(some) - len(found):
                raise JobFailed(
                    _("%d embeddings were deleted meanwhile. Draw the map again.") % gone
                )
            file.writelines(found[key] for key in some)


def _stored(version: ModelVersion, hashes: Sequence[bytes]) -> dict[bytes, Any]:
    rows = PromptEmbedding.objects.filter(version=version, text_hash__in=list(hashes))
    return {bytes(key): bytes(row) for key, row in rows.values_list("text_hash", "vector")}
