"""The job behind a held-out score: a reward model or a judge looks at a run's answers."""

import json
from collections.abc import Iterable
from typing import Any

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
from training.scoring.reward_process import score_rows
from webapp.jobs import Work

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


# ---- a reward model


def _by_reward_model(work: Work, measure: HeldOutMeasure, answers: list[Answer]) -> None:
    assert measure.reward is not None
    rows = [
        {
            "id": answer.pk,
            "prompt": json.loads(answer.prompt) if answer.is_chat else answer.prompt,
            "completion": answer.text,
        }
        for answer in answers
    ]
    score_rows(work, measure.reward, rows, lambda values: _keep(work, measure, values))


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
