"""A run's answers beside what others think of them: the figures of the over-optimisation page."""

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.db.models import F
from django.db.models.functions import JSONObject

from annotation.domain.parting import Scored, Verdict, correlation, gaps, verdict
from annotation.domain.style_control import Style, style_of
from annotation.models import Comparison
from annotation.models.judgements import Choice
from annotation.queries import current
from training import curves
from training.models import HeldOutMeasure, HeldOutScore, MeasureKind, RunEvent, TrainingRun

MOST_ANSWERS = 8000  # of one run, the newest first
LONGEST_TEXT = 20_000  # characters that are read for style and shown
KL_NAMES = ("objective/kl", "objective/kl_exact")


@dataclass(frozen=True)
class Answer:
    """An answer that a run kept. `pk` is its event's; `proxy` the score it learned from, if any."""

    pk: int
    step: int
    prompt: str  # as a key: its text, or its messages as JSON
    messages: tuple[dict[str, str], ...]
    text: str
    proxy: float | None

    @cached_property
    def style(self) -> Style:
        return style_of(self.text)

    @property
    def is_chat(self) -> bool:
        """Whether the prompt was a list of messages; else it was plain text."""
        return self.prompt == json.dumps(list(self.messages), sort_keys=True)

    @property
    def shown_prompt(self) -> str:
        return "\n".join(turn["content"] for turn in self.messages)


def answers_of(run: TrainingRun) -> list[Answer]:
    """Samples at fixed prompts where the run has any, else the rollouts; by step.

    Samples are the better evidence, since the prompts are the same at each step.
    """
    for kind in ("sample", "rollout"):
        events = RunEvent.objects.filter(run=run, kind=kind, step__isnull=False).order_by("-pk")
        rows = events.values_list("pk", "step", _answer_in_data())[:MOST_ANSWERS]
        found = [answer for row in rows if (answer := _answer(*row)) is not None]
        if kind == "rollout" or any(answer.proxy is not None for answer in found):
            return sorted(found, key=lambda each: (each.step, each.pk))
        samples = found
    return sorted(samples, key=lambda each: (each.step, each.pk))


def _answer_in_data() -> Any:
    """The fields of an event's data that are read here: its tokens are a thousand times more."""
    return JSONObject(
        prompt=F("data__prompt"), completion=F("data__completion"), score=F("data__score")
    )


def _answer(pk: int, step: int, data: Any) -> Answer | None:
    prompt, text = data.get("prompt"), data.get("completion")
    if not prompt or not isinstance(text, str) or not text.strip():
        return None
    if isinstance(prompt, str):
        messages: tuple[dict[str, str], ...] = ({"role": "user", "content": prompt},)
        key = prompt
    else:
        messages = tuple({"role": str(m["role"]), "content": str(m["content"])} for m in prompt)
        key = json.dumps(list(messages), sort_keys=True)
    score = data.get("score")
    proxy = float(score) if isinstance(score, int | float) else None
    return Answer(pk, step, key, messages, text[:LONGEST_TEXT], proxy)


def values_of(measure: HeldOutMeasure) -> dict[int, float]:
    """event -> held-out score. Of people: the mean of the votes on it against the first answer to
    the same prompt, a win 1 and a tie 1/2; that first answer itself has 1/2."""
    scores = HeldOutScore.objects.filter(measure=measure)
    if measure.kind != MeasureKind.PEOPLE:
        return {pk: v for pk, v in scores.values_list("event_id", "value") if v is not None}
    shown = [
        (event, step or 0, completion)
        for event, step, completion in scores.values_list(
            "event_id", "event__step", "completion_id"
        )
    ]
    step_of = {completion: step for _event, step, completion in shown}
    votes: dict[int, list[float]] = defaultdict(list)
    judged = current(Comparison.objects.filter(assignment__campaign=measure.campaign))
    for left, right, choice in judged.values_list("left_id", "right_id", "choice"):
        if left not in step_of or right not in step_of:
            continue
        later, won = (
            (left, Choice.LEFT) if step_of[left] > step_of[right] else (right, Choice.RIGHT)
        )
        first = right if later == left else left
        tie = choice not in (Choice.LEFT, Choice.RIGHT)
        votes[later].append(0.5 if tie else float(choice == won))
        votes[first].append(0.5)
    return {
        event: sum(votes[completion]) / len(votes[completion])
        for event, _step, completion in shown
        if votes.get(completion)
    }


@dataclass(frozen=True)
class Held:
    """One measure of one run with its verdict."""

    measure: HeldOutMeasure
    values: dict[int, float]
    verdict: Verdict
    answers: int  # that it has scored

    @property
    def alarm(self) -> Any:
        return self.verdict.parting


@dataclass(frozen=True)
class Suspect:
    """An answer that the proxy likes and the held-out score does not, in standard deviations."""

    answer: Answer
    held_out: float
    gap: float


class OverOptimisation:
    """Everything that the page shows of one run."""

    def __init__(self, run: TrainingRun) -> None:
        self.run = run
        self.answers = answers_of(run)
        measures = HeldOutMeasure.objects.filter(run=run)
        measures = measures.select_related("reward", "endpoint", "campaign", "job__workspace")
        self.held = [self._held(measure) for measure in measures]

    def _held(self, measure: HeldOutMeasure) -> Held:
        values = values_of(measure)
        return Held(
            measure,
            values,
            verdict(scored(self.answers, values)),
            sum(answer.pk in values for answer in self.answers),
        )

    def suspects(self, held: Held) -> list[Suspect]:
        """The most suspicious first: a positive gap only."""
        known = [a for a in self.answers if a.proxy is not None and a.pk in held.values]
        wide = gaps(scored(known, held.values))
        found = [
            Suspect(answer, held.values[answer.pk], gap)
            for answer, gap in zip(known, wide, strict=True)
            if gap is not None and gap > 0
        ]
        return sorted(found, key=lambda each: (-each.gap, each.answer.pk))

    def curve(self, held: Held) -> list[tuple[int, float | None]]:
        """(last step, mean) of each window."""
        return [(window.last, window.held_out.value) for window in held.verdict.windows]

    def drift(self) -> dict[str, list[tuple[int, float | None]]]:
        """step -> mean length in words, headers, list items, bold passages, and the share of
        distinct words of an answer."""
        by_step: dict[int, list[Answer]] = defaultdict(list)
        for answer in self.answers:
            by_step[answer.step].append(answer)
        found: dict[str, list[tuple[int, float | None]]] = defaultdict(list)
        for step, answers in sorted(by_step.items()):
            for name in Style._fields:
                values = [getattr(answer.style, name) for answer in answers]
                found[name].append((step, sum(values) / len(values)))
            distinct = [distinct_words(answer.text) for answer in answers]
            found["distinct"].append((step, sum(distinct) / len(distinct)))
        return dict(found)

    def length_correlation(self) -> float | None:
        """Pearson's r of proxy and length in words over all answers."""
        known = [answer for answer in self.answers if answer.proxy is not None]
        lengths = [float(answer.style.length) for answer in known]
        return correlation([float(a.proxy or 0.0) for a in known], lengths)

    def kl(self) -> list[tuple[int, float | None]]:
        found = curves.points([self.run.pk], KL_NAMES)
        for name in KL_NAMES:
            if found.get((self.run.pk, name)):
                return found[self.run.pk, name]
        return []

    def proxy(self) -> list[tuple[int, float | None]]:
        """The reward model's mean score at each update, of the whole batch where it was logged."""
        for name in ("objective/scores", "raft/score"):
            line = curves.points([self.run.pk], [name]).get((self.run.pk, name))
            if line:
                return line
        by_step: dict[int, list[float]] = defaultdict(list)
        for answer in self.answers:
            if answer.proxy is not None:
                by_step[answer.step].append(answer.proxy)
        return [(step, sum(values) / len(values)) for step, values in sorted(by_step.items())]


def scored(answers: Sequence[Answer], values: dict[int, float]) -> list[Scored]:
    return [
        Scored(answer.step, answer.prompt, answer.proxy, values.get(answer.pk))
        for answer in answers
        if answer.proxy is not None
    ]


def distinct_words(text: str) -> float:
    words = text.lower().split()
    return len(set(words)) / len(words) if words else 0.0


def alarms_of(runs: Sequence[TrainingRun]) -> list[Held]:
    """The measures by which one of these runs has parted from its proxy."""
    measured = TrainingRun.objects.filter(pk__in=[r.pk for r in runs], measures__isnull=False)
    found = []
    for run in measured.distinct():
        found += [held for held in OverOptimisation(run).held if held.alarm is not None]
    return found


def has_answers(run: TrainingRun) -> bool:
    """Whether the run kept anything that could be judged."""
    return RunEvent.objects.filter(run=run, kind__in=("sample", "rollout")).exists()
