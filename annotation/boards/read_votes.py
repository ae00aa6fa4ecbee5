"""From the tables to columns of numbers: everything at first, later only what was added or left.

A judgement's id grows with time, but one that was begun earlier may be committed later. So each
reading remembers up to which id all transactions had ended (`settled`), and the next one looks
again at everything above it.
"""

import hashlib
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import combinations, islice
from typing import Any

import numpy as np
from django.db import connection
from django.db.models import Max, QuerySet

from annotation.boards.votes import (
    SCORE_COLUMNS,
    STRENGTHS,
    UNKNOWN,
    Label,
    Names,
    PromptLabels,
    Scores,
    Texts,
    Votes,
)
from annotation.domain.battles import OUTCOME_CODES
from annotation.domain.identity import NAMED, names_its_maker
from annotation.domain.style_control import style_of
from annotation.judgement_filter import JudgementFilter
from annotation.models import Comparison, Completion, Prompt, Ranking, RankingEntry, Rating
from webapp.accounts.models import User
from webapp.workspaces.models import Workspace

BATCH = 10_000
# Up to this many answers are read for style; of more, a fixed part that their ids choose.
MOST_TEXTS = 100_000
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


@dataclass(frozen=True)
class Mark:
    """Up to where the tables were read. comparisons, rankings: the newest ids seen.

    settled_*: ids up to which nothing can appear any more. xmax: the transaction that was next.
    """

    comparisons: int = 0
    rankings: int = 0
    settled_comparisons: int = 0
    settled_rankings: int = 0
    xmax: int = 0
    at: float = 0.0  # when, in seconds since 1970

    def as_json(self) -> dict[str, float]:
        return dict(vars(self))


def ratings_of(workspace: Workspace, chosen: JudgementFilter) -> QuerySet[Rating]:
    """Scores of single answers by people, for the report on consistency."""
    return chosen.apply(Rating.objects.filter(prompt__workspace=workspace, source="human"))


def judgements_of(
    workspace: Workspace, chosen: JudgementFilter
) -> tuple[QuerySet[Comparison], QuerySet[Ranking]]:
    """What a board counts, before anything is left out for being a repeat or a leak."""
    comparisons = Comparison.objects.filter(prompt__workspace=workspace)
    rankings = Ranking.objects.filter(prompt__workspace=workspace)
    return chosen.apply(comparisons), chosen.apply(rankings)


def newer_than(workspace: Workspace, chosen: JudgementFilter, mark: Mark, most: int) -> int:
    """How many judgements were added since, counted up to `most`: a few index look-ups."""
    comparisons, rankings = judgements_of(workspace, chosen)
    found = comparisons.filter(pk__gt=mark.comparisons).order_by("pk")[:most].count()
    return found + rankings.filter(pk__gt=mark.rankings).order_by("pk")[:most].count()


def count_up_to(workspace: Workspace, chosen: JudgementFilter, most: int) -> int:
    """How many judgements there are, counted up to `most`.

    A board without a filter stops at the first `most` rows by their key: to look for corrections
    among a million rows would take seconds.
    """
    if not chosen.as_json():
        found = 0
        for model in (Comparison, Ranking):
            rows: Any = model._default_manager.filter(
                prompt__workspace=workspace, withdrawn_at__isnull=True
            )
            found += rows.order_by("pk").values("pk")[:most].count()
        if found >= most:
            return found
    comparisons, rankings = judgements_of(workspace, chosen)
    return int(comparisons.order_by("pk")[:most].count() + rankings.order_by("pk")[:most].count())


def next_mark(before: Mark) -> Mark:
    """Where a reading that begins now will stand.

    Call it first: a row that comes in between is read, and looked at again the next time.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_snapshot_xmin(s)::text::bigint, pg_snapshot_xmax(s)::text::bigint "
            "FROM pg_current_snapshot() s"
        )
        oldest, following = cursor.fetchone()
    comparisons = Comparison.objects.aggregate(last=Max("pk"))["last"] or 0
    rankings = Ranking.objects.aggregate(last=Max("pk"))["last"] or 0
    over = oldest >= before.xmax  # everything that ran at the last reading has ended
    return Mark(
        comparisons,
        rankings,
        before.comparisons if over else before.settled_comparisons,
        before.rankings if over else before.settled_rankings,
        following,
        time.time(),
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
        known = self.before["vote"]
        seen = 0
        rows = comparisons.order_by("pk").values_list(*COMPARISON_FIELDS)
        for batch in _batched(rows.iterator(chunk_size=BATCH)):
            old = np.isin([row[0] for row in batch], known)
            for row, is_old in zip(batch, old.tolist(), strict=True):
                if not is_old and row[1] != row[2]:
                    self._comparison(row)
            seen += len(batch)
            yield seen
        for ballots in _batched(_ballots(rankings)):
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
        for (one, left, tier), (other, right, its) in combinations(entries, 2):
            if left == right:  # two samples of one model say nothing about two models
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
            _people(self.before.names.annotators, self.annotators),
            _labels(workspace, self.before.names.prompts, self.prompts),
            _campaign_labels(self.campaigns),
        )
        added = Votes.of(self.rows, names)
        joined = self.before.joined(added)
        wanted = _wanted_texts(joined)
        texts = _read_texts(self.before.texts, wanted)
        return replace(joined, texts=texts, scores=scores)

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


_COLLECTED = tuple(Votes.empty().columns)


def pair_key(one: str, other: str) -> str:
    """How a pair of models is named where its probability is stored: in alphabetical order."""
    first, second = sorted((one, other))
    return f"{first}\x1f{second}"


def without(votes: Votes, gone: Iterable[int]) -> Votes:
    """The rows whose judgements still count. gone: ids as in the column `vote`."""
    removed = np.fromiter(gone, dtype=np.int64)
    return votes.keep(~np.isin(votes["vote"], removed)) if len(removed) else votes


def gone_since(workspace: Workspace, mark: Mark) -> set[int]:
    """Judgements that a newer version replaced since the mark, and all that are withdrawn."""
    found: set[int] = set()
    for model, sign, settled in (
        (Comparison, 1, mark.settled_comparisons),
        (Ranking, -1, mark.settled_rankings),
    ):
        rows: Any = model._default_manager.filter(prompt__workspace=workspace)
        left = rows.filter(withdrawn_at__isnull=False).values_list("pk", flat=True)
        newer = rows.filter(pk__gt=settled, supersedes__isnull=False)
        found |= {sign * pk for pk in left}
        found |= {sign * pk for pk in newer.values_list("supersedes_id", flat=True)}
    return found


def _ballots(rankings: QuerySet[Ranking]) -> Iterator[tuple[Any, ...]]:
    """(id, who and where, probabilities, [(answer, generator, tier) as shown])."""
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
    )
    for batch in _batched(rankings.order_by("pk").values_list(*fields).iterator(BATCH)):
        entries: dict[int, list[tuple[int, str, int | None]]] = {row[0]: [] for row in batch}
        listed = RankingEntry.objects.filter(ranking_id__in=list(entries)).order_by("position")
        for ranking, answer, generator, tier in listed.values_list(
            "ranking_id", "completion_id", "completion__generator", "tier"
        ):
            entries[ranking].append((answer, generator, tier))
        for row in batch:
            yield (*row[:9], row[9] or {}, entries[row[0]])


def _people(before: tuple[Label, ...], found: dict[str, int]) -> tuple[Label, ...]:
    new = list(found)[len(before) :]
    ids = [int(key) for key in new if not key.startswith("label:")]
    names = {str(user.pk): str(user) for user in User.objects.filter(pk__in=ids)}
    added = (Label(key, names.get(key, key.removeprefix("label:"))) for key in new)
    return (*before, *added)


def _campaign_labels(found: dict[str, int]) -> tuple[Label, ...]:
    from annotation.models import Campaign

    names = dict(Campaign.objects.filter(pk__in=list(found)).values_list("pk", "name"))
    return tuple(Label(key, names.get(int(key), key)) for key in found)


def _labels(
    workspace: Workspace, before: tuple[PromptLabels, ...], found: dict[int, int]
) -> tuple[PromptLabels, ...]:
    new = list(found)[len(before) :]
    labels: dict[int, PromptLabels] = {}
    for ids in _batched(iter(new)):
        rows = Prompt.objects.filter(workspace=workspace, pk__in=ids)
        for pk, use_case, language, tags, text in rows.values_list(
            "pk", "use_case", "language", "tags", "text"
        ):
            twin = hashlib.sha256(" ".join(text.lower().split()).encode("utf-8", "replace"))
            labels[pk] = PromptLabels(pk, use_case, language, tuple(tags), twin.hexdigest()[:16])
    return (*before, *(labels.get(pk, PromptLabels(pk)) for pk in new))


def _wanted_texts(votes: Votes) -> np.ndarray:
    """Ids of the answers whose style is read; of very many, every n-th vote's two answers."""
    every = max(1, -(-2 * len(votes) // MOST_TEXTS))
    chosen = votes["vote"] % every == 0
    return np.unique(np.concatenate([votes["left_answer"][chosen], votes["right_answer"][chosen]]))


def _read_texts(before: Texts, wanted: np.ndarray) -> Texts:
    known = np.isin(wanted, before.answer)
    missing = wanted[~known]
    if not len(missing) and len(before.answer):
        return before
    style: dict[int, tuple[tuple[int, ...], bool]] = {}
    for ids in _batched(iter(missing.tolist()), 2000):
        rows = Completion.objects.filter(pk__in=ids, has_text=True)
        for pk, text, flags in rows.values_list("pk", "text", "flags"):
            style[pk] = (tuple(style_of(text)), NAMED in flags or names_its_maker(text))
    answers = np.array(sorted(style), dtype=np.int64)
    counts = np.array([style[pk][0] for pk in answers.tolist()], dtype=np.float64).reshape(-1, 4)
    leaked = np.array([style[pk][1] for pk in answers.tolist()], dtype=bool)
    every = np.concatenate([before.answer, answers])
    order = np.argsort(every, kind="stable")
    return Texts(
        every[order],
        np.concatenate([before.style, counts])[order],
        np.concatenate([before.leaked, leaked])[order],
    )


def _batched(rows: Iterable[Any], size: int = BATCH) -> Iterator[list[Any]]:
    iterator = iter(rows)
    while batch := list(islice(iterator, size)):
        yield batch


__all__ = ["Mark", "Reading", "gone_since", "judgements_of", "newer_than", "next_mark", "without"]
