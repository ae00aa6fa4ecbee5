"""From the tables to columns of numbers: everything at first, later only what was added or left.

marks.py says what is new; read_labels.py brings the names and texts beside the numbers.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import combinations
from typing import Any

import numpy as np
from django.db import connection
from django.db.models import QuerySet

from annotation.boards.read_labels import (
    BATCH,
    batched,
    campaign_labels,
    people,
    prompt_labels,
    read_texts,
    wanted_texts,
)
from annotation.boards.votes import SCORE_COLUMNS, STRENGTHS, UNKNOWN, Names, Scores, Votes
from annotation.domain.outcomes import OUTCOME_CODES
from annotation.models import Comparison, Ranking, RankingEntry, Rating
from webapp.workspaces.models import Workspace

MOST_SCORES = 200_000
SOURCE_CODES = {"human": 0, "judge": 1, "simulated": 2}
STRENGTH_CODES = {name: code for code, name in enumerate(STRENGTHS)}

COMPARISON_FIELDS = (
    "pk",
    "left__generator",
    "right__generator",
    "choice",
    "source",
    "annotator_id",
    "annotator_label",
    "prompt_id",
    "assignment__campaign_id",
    "strength",
    "order_known",
    "assignment__repeat_of_id",
    "created_at",
    "seconds",
    "right_share",
    "pair_probability",
    "left_id",
    "right_id",
)


class Reading:
    """One reading: keeps the numbering of names, and goes on with the one of an earlier table."""

    def __init__(self, before: Votes | None = None) -> None:
        self.before = before if before is not None else Votes.empty()
        names = self.before.names
        self.models = {name: at for at, name in enumerate(names.models)}
        self.annotators = {label.key: at for at, label in enumerate(names.annotators)}
        self.prompts = {prompt.key: at for at, prompt in enumerate(names.prompts)}
        self.campaigns = {label.key: at for at, label in enumerate(names.campaigns)}
        self.rows: dict[str, list[Any]] = {name: [] for name in _COLLECTED}

    def read(self, comparisons: QuerySet[Comparison], rankings: QuerySet[Ranking]) -> Iterator[int]:
        """Take the rows in; yields how many judgements were read so far, for whoever waits."""
        with whole_cursors():
            yield from self._read(comparisons, rankings)

    def _read(
        self, comparisons: QuerySet[Comparison], rankings: QuerySet[Ranking]
    ) -> Iterator[int]:
        known = self.before["vote"]
        seen = 0
        rows = comparisons.order_by("pk").values_list(*COMPARISON_FIELDS)
        for batch in batched(rows.iterator(chunk_size=BATCH)):
            old = np.isin([row[0] for row in batch], known)
            for row, is_old in zip(batch, old.tolist(), strict=True):
                if not is_old and row[1] != row[2]:
                    self._comparison(row)
            seen += len(batch)
            yield seen
        for ballots in batched(_ballots(rankings)):
            old = np.isin([-ballot[0] for ballot in ballots], known)
            for ballot, is_old in zip(ballots, old.tolist(), strict=True):
                if not is_old:
                    self._ranking(ballot)
            seen += len(ballots)
            yield seen

    def _comparison(self, row: tuple[Any, ...]) -> None:
        (pk, left, right, choice, source, annotator, label, prompt, campaign) = row[:9]
        (strength, ordered, repeat, at, seconds, share, probability, one, other) = row[9:]
        self._add(
            vote=pk,
            left=self._model(left),
            right=self._model(right),
            outcome=OUTCOME_CODES[choice],
            source=SOURCE_CODES[source],
            annotator=self._person(annotator, label),
            prompt=self._prompt(prompt),
            campaign=self._campaign(campaign),
            strength=STRENGTH_CODES.get(strength, 0),
            ordered=ordered,
            repeat=repeat is not None,
            at=int(at.timestamp()),
            seconds=np.nan if seconds is None else seconds,
            share=np.nan if share is None else share,
            probability=np.nan if probability is None else probability,
            left_answer=one,
            right_answer=other,
        )

    def _ranking(self, ballot: tuple[Any, ...]) -> None:
        (pk, source, annotator, label, prompt, campaign, repeat, at, seconds, drawn) = ballot[:10]
        entries = [entry for entry in ballot[10] if entry[2] is not None]
        partial = ballot[11]
        for (one, left, tier), (other, right, its) in combinations(entries, 2):
            if left == right:  # two samples of one model say nothing about two models
                continue
            if partial and tier == its:  # not compared, which is no tie
                continue
            self._add(
                vote=-pk,
                left=self._model(left),
                right=self._model(right),
                outcome=OUTCOME_CODES["left" if tier < its else "right" if tier > its else "tie"],
                source=SOURCE_CODES[source],
                annotator=self._person(annotator, label),
                prompt=self._prompt(prompt),
                campaign=self._campaign(campaign),
                strength=0,
                ordered=True,
                repeat=repeat is not None,
                at=int(at.timestamp()),
                seconds=np.nan if seconds is None else seconds,
                share=np.nan,
                probability=drawn.get(pair_key(left, right), np.nan),
                left_answer=one,
                right_answer=other,
            )

    def _add(self, **values: Any) -> None:
        for name, value in values.items():
            self.rows[name].append(value)

    def _model(self, name: str) -> int:
        return self.models.setdefault(name or "(unknown)", len(self.models))

    def _person(self, annotator: int | None, label: str) -> int:
        if annotator is None and not label:
            return UNKNOWN
        key = str(annotator) if annotator is not None else f"label:{label}"
        return self.annotators.setdefault(key, len(self.annotators))

    def _prompt(self, prompt: int) -> int:
        return self.prompts.setdefault(prompt, len(self.prompts))

    def _campaign(self, campaign: int | None) -> int:
        if campaign is None:
            return UNKNOWN
        return self.campaigns.setdefault(str(campaign), len(self.campaigns))

    def votes(self, workspace: Workspace, ratings: QuerySet[Rating]) -> Votes:
        """The earlier rows and the new ones, with names and texts of both, and all ratings."""
        scores = self.scores(ratings)
        names = Names(
            tuple(self.models),
            people(self.before.names.annotators, self.annotators),
            prompt_labels(workspace, self.before.names.prompts, self.prompts),
            campaign_labels(self.campaigns),
        )
        added = Votes.of(self.rows, names)
        joined = self.before.joined(added)
        wanted = wanted_texts(joined)
        texts = read_texts(self.before.texts, wanted)
        return replace(joined, texts=texts, scores=scores)

    def unnamed(self) -> Votes:
        """The rows alone, with the names of models and nothing else beside them."""
        return Votes.of(self.rows, Names(tuple(self.models)))

    def scores(self, ratings: QuerySet[Rating]) -> Scores:
        """Ratings of the answers of prompts that are voted on; call it before votes()."""
        rows = ratings.order_by("pk").values_list(
            "annotator_id",
            "annotator_label",
            "completion__generator",
            "prompt_id",
            "completion_id",
            "aspect",
            "score",
            "lowest",
            "highest",
        )
        aspects: dict[str, int] = {}
        kept: list[tuple[float, ...]] = []
        for person, label, model, prompt, answer, aspect, score, lowest, highest in rows[
            :MOST_SCORES
        ]:
            if highest > lowest:
                kept.append(
                    (
                        self._person(person, label),
                        self._model(model),
                        self._prompt(prompt),
                        answer,
                        aspects.setdefault(aspect, len(aspects)),
                        (score - lowest) / (highest - lowest),
                    )
                )
        table = np.array(kept, dtype=np.float64).reshape(-1, 6).T
        whole = dict(zip(SCORE_COLUMNS, table[:5].astype(np.int64), strict=False))
        return Scores(**whole, score=table[5], aspects=tuple(aspects))


@contextmanager
def whole_cursors() -> Iterator[None]:
    """PostgreSQL plans a cursor for its first tenth, which a reading of all rows pays for dearly:
    nested loops over a million rows where a hash join takes seconds."""
    with connection.cursor() as cursor:
        cursor.execute("SHOW cursor_tuple_fraction")
        before = cursor.fetchone()[0]
        cursor.execute("SELECT set_config('cursor_tuple_fraction', '1', false)")
    try:
        yield
    finally:
        if not connection.needs_rollback:
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT set_config('cursor_tuple_fraction', %s, false)", [str(before)]
                )


_COLLECTED = tuple(Votes.empty().columns)


def pair_key(one: str, other: str) -> str:
    """How a pair of models is named where its probability is stored: in alphabetical order."""
    first, second = sorted((one, other))
    return f"{first}\x1f{second}"


def _ballots(rankings: QuerySet[Ranking]) -> Iterator[tuple[Any, ...]]:
    """(id, who and where, probabilities, [(answer, generator, tier) as shown], partial)."""
    fields = (
        "pk",
        "source",
        "annotator_id",
        "annotator_label",
        "prompt_id",
        "assignment__campaign_id",
        "assignment__repeat_of_id",
        "created_at",
        "seconds",
        "assignment__item__pair_draw__probabilities",
        "partial",
    )
    for batch in batched(rankings.order_by("pk").values_list(*fields).iterator(BATCH)):
        entries: dict[int, list[tuple[int, str, int | None]]] = {row[0]: [] for row in batch}
        listed = RankingEntry.objects.filter(ranking_id__in=list(entries)).order_by("position")
        for ranking, answer, generator, tier in listed.values_list(
            "ranking_id", "completion_id", "completion__generator", "tier"
        ):
            entries[ranking].append((answer, generator, tier))
        for row in batch:
            yield (*row[:9], row[9] or {}, entries[row[0]], row[10])
