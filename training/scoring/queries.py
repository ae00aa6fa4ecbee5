"""Reads of scores: what a sampling's come to, and what people said of them."""

import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from math import isclose
from statistics import fmean

from django.db.models import QuerySet

from annotation.domain.proportions import Share, share
from annotation.models import Comparison, Completion
from annotation.models.judgements import Choice
from annotation.queries import current
from training.models import (
    Batch,
    BatchEntry,
    RewardScore,
    Scoring,
    Trial,
)

MOST_ANSWERS = 20_000  # of a sampling, on a page


@dataclass(frozen=True)
class Scored:
    """One answer of a sampling with its score."""

    prompt: int
    completion: int
    text: str
    value: float


@dataclass(frozen=True)
class Summary:
    """What a reward model says of a sampling. `mean`: of all answers; `best`: of the one that it
    likes most to each prompt; `agreed`: how often people, asked afresh, prefer that one to another
    answer drawn at random, a tie being half."""

    scoring: Scoring
    answers: int
    unreadable: int
    prompts: int
    each: float  # answers for a prompt
    mean: float | None
    best: float | None
    agreed: Share | None

    @property
    def working(self) -> bool:
        return self.scoring.job is not None and not self.scoring.job.is_finished


def scorings_of(batch: Batch) -> QuerySet[Scoring]:
    found = Scoring.objects.filter(batch=batch).order_by("pk")
    return found.select_related("reward", "job", "check_campaign")


def summaries(batch: Batch) -> list[Summary]:
    """One for each reward model that was asked; three queries each."""
    return [_summary(scoring) for scoring in scorings_of(batch)]


def _summary(scoring: Scoring) -> Summary:
    found = scored(scoring)
    by_prompt: dict[int, list[float]] = defaultdict(list)
    for one in found:
        by_prompt[one.prompt].append(one.value)
    entries = BatchEntry.objects.filter(batch=scoring.batch_id, generation__scores__value=None)
    return Summary(
        scoring=scoring,
        answers=len(found),
        unreadable=entries.filter(generation__scores__reward=scoring.reward_id).count(),
        prompts=len(by_prompt),
        each=len(found) / len(by_prompt) if by_prompt else 0.0,
        mean=fmean(one.value for one in found) if found else None,
        best=fmean(max(values) for values in by_prompt.values()) if by_prompt else None,
        agreed=_agreed(scoring, found) if scoring.check_campaign_id else None,
    )


def scored(scoring: Scoring) -> list[Scored]:
    """The answers of its sampling that are kept and have a score, prompt by prompt."""
    rows = RewardScore.objects.filter(
        reward=scoring.reward_id,
        value__isnull=False,
        generation__entries__batch=scoring.batch_id,
        generation__entries__completion__isnull=False,
    ).values_list(
        "generation__entries__prompt_id",
        "generation__entries__completion_id",
        "generation__text",
        "value",
    )
    ordered = rows.order_by("generation__entries__prompt_id", "pk")[:MOST_ANSWERS]
    return [
        Scored(prompt, completion, text, value)
        for prompt, completion, text, value in ordered
        if completion is not None and value is not None  # the filter's word, for the checker
    ]


def choices(found: Sequence[Scored], seed: int) -> list[tuple[Scored, Scored]]:
    """For each prompt (the answer with the highest score, another one drawn at random)."""
    by_prompt: dict[int, list[Scored]] = defaultdict(list)
    for one in found:
        by_prompt[one.prompt].append(one)
    pairs = []
    for prompt, answers in by_prompt.items():
        chosen = max(answers, key=lambda each: (each.value, -each.completion))
        others = [each for each in answers if each.text != chosen.text]
        if others:
            draw = random.Random(f"{seed}-{prompt}")  # noqa: S311 - which pair, not a secret
            pairs.append((chosen, draw.choice(others)))
    return pairs


def _agreed(scoring: Scoring, found: Sequence[Scored]) -> Share | None:
    value = {one.completion: one.value for one in found}
    votes = current(
        Comparison.objects.filter(assignment__campaign=scoring.check_campaign_id, source="human")
    ).values_list("left_id", "right_id", "choice")
    wins, n = 0.0, 0
    for left, right, choice in votes:
        if left not in value or right not in value:
            continue
        n += 1
        if choice in (Choice.LEFT, Choice.RIGHT):
            wins += (choice == Choice.LEFT) == (value[left] > value[right])
        else:
            wins += 0.5
    return share(wins, n) if n else None


def completions(pairs: Sequence[tuple[Scored, Scored]]) -> dict[int, Completion]:
    """The answers of these pairs with their prompts, by id."""
    wanted = [one.completion for pair in pairs for one in pair]
    return Completion.objects.select_related("prompt").in_bulk(wanted)


def scores_of_trial(trial: Trial) -> dict[int, list[tuple[str, float | None, bool]]]:
    """generation -> (reward model, score, whether it is the highest of the trial)."""
    columns = trial.columns.values("generation")
    rows = list(
        RewardScore.objects.filter(
            generation__in=columns,
            reward__in=Scoring.objects.filter(trial=trial).values("reward"),
        )
        .select_related("reward")
        .order_by("reward_id", "pk")
    )
    highest: dict[int, float] = {}
    for row in rows:
        if row.value is not None:
            highest[row.reward_id] = max(row.value, highest.get(row.reward_id, row.value))
    found: dict[int, list[tuple[str, float | None, bool]]] = defaultdict(list)
    for row in rows:
        best = row.value is not None and isclose(row.value, highest[row.reward_id], rel_tol=1e-5)
        found[row.generation_id].append((str(row.reward), row.value, best))
    return dict(found)
