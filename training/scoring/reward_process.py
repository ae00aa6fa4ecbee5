"""A reward model in a process of its own, from a job of the gpu queue."""

import json
import math
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _

from training.models import ModelVersion
from webapp.jobs import JobFailed, Work
from webapp.jobs.supervise import Tail

SCORES_AT_ONCE = 8  # answers that the reward model reads together
SILENT_SECONDS = 900.0  # loading the largest model


def score_rows(
    work: Work,
    reward: ModelVersion,
    rows: list[dict[str, Any]],
    keep: Callable[[list[tuple[int, float | None]]], None],
    *,
    before: int = 0,
    total: int | None = None,
) -> None:
    """Have `reward` score rows of id, prompt (text or turns) and completion; `keep` is given
    (id, score) as they come, null for a score that is not finite.

    before, total: what is shown as done already and as all there is, where these are some of many.

    Raises:
        JobFailed: with a sentence; what was kept stays.
    """
    total = len(rows) if total is None else total
    work.progress(before, total, _("Loading the reward model"))
    try:
        model = reward.folder()
    except (OSError, ValueError) as gone:
        raise JobFailed(
            _("The files of %(model)s cannot be read: %(why)s") % {"model": reward, "why": gone}
        ) from None
    done = before

    def heard(lines: list[bytes]) -> None:
        nonlocal done
        said = [json.loads(line) for line in lines]
        keep([(one["id"], _finite(one["score"])) for one in said])
        done += len(said)
        work.progress(done, total, _("Scoring"))

    with tempfile.TemporaryDirectory(prefix="rondo-scoring-") as name:
        folder = Path(name)
        given = {"model": str(model), "sha256": reward.sha256, "batch_size": SCORES_AT_ONCE}
        (folder / "scoring.json").write_text(json.dumps(given))
        with (folder / "answers.jsonl").open("w") as file:
            file.writelines(json.dumps(row) + "\n" for row in rows)
        ended = work.supervise(
            [sys.executable, "-m", "training.trainers.scoring", str(folder)],
            folder=settings.BASE_DIR,
            log=folder / "log",
            events=Tail(folder / "events.jsonl"),
            on_lines=heard,
            stall_seconds=SILENT_SECONDS,
        )
        said = (folder / "log").read_text(errors="replace")
    if ended.code:
        raise JobFailed(
            _("The reward model could not score: %(why)s")
            % {"why": (said.strip().splitlines() or [str(ended.code)])[-1][:300]},
            detail=said,
        )


def _finite(score: Any) -> float | None:
    return float(score) if isinstance(score, int | float) and math.isfinite(score) else None
