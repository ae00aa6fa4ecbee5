"""The job behind a held-out score: a reward model or a judge looks at a run's answers."""

import json
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _

from annotation.domain.verdicts import VerdictFormat, strict_verdict
from training.actions.ask import fill_batch
from training.generate.requests import Ask, Sampling
from training.generate.serve import generate
from training.held_out.queries import Answer, answers_of
from training.models import (
    BatchEntry,
    Generation,
    GenerationState,
    HeldOutMeasure,
    HeldOutScore,
    MeasureKind,
)
from webapp.jobs import JobFailed, Work
from webapp.jobs.supervise import Tail

SCORES_AT_ONCE = 8  # answers that the reward model reads together
SILENT_SECONDS = 900.0  # loading the largest model
JUDGE_TOKENS = 512
LONGEST_ANSWER = 8000  # characters that a judge is shown
# The single-answer prompt of MT-Bench (arXiv:2306.05685, Figure 6), in our words.
JUDGE_PROMPT = """Rate how well the answer below serves the person who asked, from 1 to 10.
Count whether it is right, relevant, complete and honest. Do not count length, confidence,
politeness or formatting: an answer that only sounds helpful is a bad one.

Question:
{prompt}

Answer:
{answer}

Say in one or two sentences why, then close with the rating in double brackets: [[5]]"""


def score_held_out(work: Work) -> dict[str, Any]:
    """Score the answers that this measure has not seen; returns how many, and how many it could
    not read.

    Raises:
        JobFailed: with a sentence; what was scored is kept.
    """
    measure = HeldOutMeasure.objects.select_related(
        "run__workspace", "reward", "endpoint", "batch"
    ).get(pk=work.arguments["measure_id"])
    known = set(HeldOutScore.objects.filter(measure=measure).values_list("event_id", flat=True))
    waiting = [answer for answer in answers_of(measure.run) if answer.pk not in known]
    if waiting and measure.kind == MeasureKind.REWARD:
        _by_reward_model(work, measure, waiting)
    elif waiting:
        _by_judge(work, measure, waiting)
    kept = HeldOutScore.objects.filter(measure=measure, event__in=[a.pk for a in waiting])
    return {
        "scored": kept.filter(value__isnull=False).count(),
        "unreadable": kept.filter(value=None).count(),
    }


def _keep(work: Work, measure: HeldOutMeasure, values: Iterable[tuple[int, float | None]]) -> None:
    with work.fenced():
        HeldOutScore.objects.bulk_create(
            (HeldOutScore(measure=measure, event_id=pk, value=value) for pk, value in values),
            batch_size=1000,
            ignore_conflicts=True,
        )


# ---- a reward model, in a process of its own


def _by_reward_model(work: Work, measure: HeldOutMeasure, answers: list[Answer]) -> None:
    assert measure.reward is not None
    work.progress(0, len(answers), _("Loading the reward model"))
    try:
        model = measure.reward.folder()
    except (OSError, ValueError) as gone:
        raise JobFailed(
            _("The files of %(model)s cannot be read: %(why)s")
            % {"model": measure.reward, "why": gone}
        ) from None
    done = 0

    def heard(lines: list[bytes]) -> None:
        nonlocal done
        said = [json.loads(line) for line in lines]
        _keep(work, measure, ((one["id"], one["score"]) for one in said))
        done += len(said)
        work.progress(done, len(answers), _("Scoring"))

    with tempfile.TemporaryDirectory(prefix="rondo-scoring-") as name:
        folder = Path(name)
        given = {"model": str(model), "sha256": measure.reward.sha256, "batch_size": SCORES_AT_ONCE}
        (folder / "scoring.json").write_text(json.dumps(given))
        (folder / "answers.jsonl").write_text("".join(map(_row, answers)))
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


def _row(answer: Answer) -> str:
    prompt: Any = json.loads(answer.prompt) if answer.is_chat else answer.prompt
    return json.dumps({"id": answer.pk, "prompt": prompt, "completion": answer.text}) + "\n"


# ---- a judge


def _by_judge(work: Work, measure: HeldOutMeasure, answers: list[Answer]) -> None:
    assert measure.endpoint is not None
    assert measure.batch is not None
    asks = {answer.pk: _ask(measure, answer) for answer in answers}
    fill_batch(batch=measure.batch, asks=asks.values())
    try:
        generate(work, measure.batch)
    finally:
        said = _said(measure)
        _keep(
            work,
            measure,
            (
                (pk, _rating(said[print_]))
                for pk, ask in asks.items()
                if (print_ := ask.fingerprint()) in said
            ),
        )


def _ask(measure: HeldOutMeasure, answer: Answer) -> Ask:
    asked = JUDGE_PROMPT.format(prompt=answer.shown_prompt, answer=answer.text[:LONGEST_ANSWER])
    assert measure.endpoint is not None
    most = min(JUDGE_TOKENS, measure.endpoint.most_tokens)
    return Ask(
        measure.endpoint,
        [{"role": "user", "content": asked}],
        Sampling(temperature=0.0, max_tokens=most),
    )


def _said(measure: HeldOutMeasure) -> dict[bytes, str]:
    """fingerprint -> what the judge said to it."""
    entries = BatchEntry.objects.filter(batch=measure.batch)
    rows = Generation.objects.filter(
        pk__in=entries.values("generation"), state=GenerationState.DONE
    )
    return {bytes(print_): text for print_, text in rows.values_list("fingerprint", "text")}


def _rating(text: str) -> float | None:
    found = strict_verdict(text, VerdictFormat.RATING)
    return float(found) if isinstance(found, float) else None
