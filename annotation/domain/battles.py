"""Votes on pairs of models as columns of numbers: what every rating and win rate starts from.

A battle is one person's (or judge's) statement about two answers. `Battles` keeps one row per
statement, with who said it and about which prompt; `Cells` counts equal statements together, which
is all that a Bradley-Terry estimate needs and which stays small however many votes arrive.
"""

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from itertools import count

import numpy as np

from annotation.domain.arrays import Floats, Ints
from annotation.domain.outcomes import OUTCOME_CODES, OUTCOMES, UnknownOutcome

# The left answer's share of the point; "both bad" says nothing about which is better.
LEFT_SCORE: Floats = np.array([1.0, 0.0, 0.5, 0.5])


def encode(labels: Iterable[Hashable]) -> tuple[tuple[Hashable, ...], Ints]:
    """Number labels by first appearance: (distinct labels, codes). None is a stranger each time.

    A vote without a known annotator must not be clustered with the other votes without one.
    """
    known: dict[Hashable, int] = {}
    strangers = count(-1, -1)
    codes = np.array(
        [
            known.setdefault(label if label is not None else ("", next(strangers)), len(known))
            for label in labels
        ],
        dtype=np.int64,
    )
    return tuple(known), codes


@dataclass(frozen=True)
class Battles:
    """n statements in the order in which they were made.

    models: distinct names, sorted, so that equal votes give equal digits
    in whatever order they came.
    left, right: (n,) positions in `models` of the answers as shown. outcome: (n,) positions
    in OUTCOMES.
    weight: (n,) importance of each statement, 1 unless uneven pairing is corrected for.
    annotator, prompt, ballot: (n,) codes of the clusters a statement belongs to, or None where
    unknown. All pairs that come from one ranking share a ballot.
    """

    models: tuple[str, ...]
    left: Ints
    right: Ints
    outcome: Ints
    weight: Floats | None = None
    annotator: Ints | None = None
    prompt: Ints | None = None
    ballot: Ints | None = None

    def __post_init__(self) -> None:
        if len(self) and bool((self.left == self.right).any()):
            at = int(np.argmax(self.left == self.right))
            raise ValueError(
                f"Battle {at + 1} sets {self.models[self.left[at]]!r} against itself. "
                "A battle needs two different models; leave self-comparisons out."
            )

    def __len__(self) -> int:
        return len(self.left)

    @classmethod
    def from_columns(
        cls,
        left: Sequence[str],
        right: Sequence[str],
        outcome: Sequence[str],
        *,
        annotator: Sequence[Hashable] | None = None,
        prompt: Sequence[Hashable] | None = None,
        ballot: Sequence[Hashable] | None = None,
        weight: Sequence[float] | Floats | None = None,
        models: Iterable[str] = (),
    ) -> "Battles":
        """Battles from equally long columns; `models` adds names that nobody voted on yet.

        Raises UnknownOutcome for a winner word that is not in OUTCOME_WORDS, and ValueError for
        columns of different length, for a model against itself and for a weight below zero.
        """
        columns = {"right": right, "outcome": outcome, "annotator": annotator, "prompt": prompt}
        for name, column in columns.items():
            if column is not None and len(column) != len(left):
                raise ValueError(
                    f"The column {name!r} has {len(column)} rows but 'left' has {len(left)}. "
                    "Every battle needs one value in each column."
                )
        names = tuple(sorted({*left, *right, *models}))
        position = {name: at for at, name in enumerate(names)}
        return cls(
            models=names,
            left=_codes(left, position),
            right=_codes(right, position),
            outcome=_outcome_codes(outcome),
            weight=None if weight is None else _checked_weights(weight, len(left)),
            annotator=None if annotator is None else encode(annotator)[1],
            prompt=None if prompt is None else encode(prompt)[1],
            ballot=None if ballot is None else encode(ballot)[1],
        )

    def score(self) -> Floats:
        """(n,) the left answer's share of the point: 1, 0, or a half without a winner."""
        return LEFT_SCORE[self.outcome]

    def weights(self) -> Floats:
        """(n,) the importance of each statement."""
        return np.ones(len(self)) if self.weight is None else self.weight

    def keep(self, chosen: np.ndarray) -> "Battles":
        """The statements that a (n,) mask or index array picks, over the same models."""

        def pick(column: np.ndarray | None) -> np.ndarray | None:
            return None if column is None else column[chosen]

        return Battles(
            self.models,
            self.left[chosen],
            self.right[chosen],
            self.outcome[chosen],
            pick(self.weight),
            pick(self.annotator),
            pick(self.prompt),
            pick(self.ballot),
        )

    def cells(self) -> "Cells":
        """Equal statements counted together; a weighted statement keeps its own cell."""
        size = len(self.models)
        if self.weight is not None:
            return Cells(
                self.models, self.left, self.right, self.score(), np.ones(len(self)), self.weight
            )
        outcomes = len(OUTCOMES)
        key = (self.left * size + self.right) * outcomes + self.outcome
        counts = np.bincount(key, minlength=size * size * outcomes)
        filled = np.flatnonzero(counts)
        pair, outcome = np.divmod(filled, outcomes)
        return Cells(
            self.models,
            pair // size,
            pair % size,
            LEFT_SCORE[outcome],
            counts[filled].astype(np.float64),
            np.ones(len(filled)),
        )


@dataclass(frozen=True)
class Cells:
    """Votes counted by what they say.

    left, right: (C,) positions in `models`. score: (C,) the left model's share of the point, in
    [0, 1]. count: (C,) how many votes say so. weight: (C,) the importance of each of them.
    """

    models: tuple[str, ...]
    left: Ints
    right: Ints
    score: Floats
    count: Floats
    weight: Floats

    @classmethod
    def from_rows(
        cls, rows: Iterable[tuple[str, str, float, float]], *, models: Iterable[str] = ()
    ) -> "Cells":
        """Cells from (left, right, the left model's score in [0, 1], number of such votes).

        Raises ValueError for a score outside [0, 1], a negative count or a model against itself.
        """
        kept = list(rows)
        for left, right, score, votes in kept:
            if left == right:
                raise ValueError(f"{left!r} is set against itself; a battle needs two models.")
            if not 0.0 <= score <= 1.0:
                raise ValueError(
                    f"The score of {left!r} against {right!r} is {score!r}. "
                    "Give 1 for a win, 0 for a loss and 0.5 for a tie."
                )
            if not 0.0 <= votes < np.inf:
                raise ValueError(
                    f"{votes!r} votes of {left!r} against {right!r} cannot be counted."
                )
        names = tuple(sorted({name for row in kept for name in row[:2]} | set(models)))
        position = {name: at for at, name in enumerate(names)}
        return cls(
            names,
            _codes([row[0] for row in kept], position),
            _codes([row[1] for row in kept], position),
            np.array([row[2] for row in kept], dtype=np.float64),
            np.array([row[3] for row in kept], dtype=np.float64),
            np.ones(len(kept)),
        )

    def votes(self) -> float:
        """How many votes there are, unweighted."""
        return float(self.count.sum())

    def keep(self, chosen: np.ndarray) -> "Cells":
        """The cells that a (C,) mask or index array picks, over the same models."""
        return Cells(
            self.models,
            self.left[chosen],
            self.right[chosen],
            self.score[chosen],
            self.count[chosen],
            self.weight[chosen],
        )

    def among(self, members: Sequence[int]) -> "Cells":
        """The cells between the models at these positions, over these models alone."""
        position = np.full(len(self.models), -1)
        position[list(members)] = np.arange(len(members))
        inside = self.keep((position[self.left] >= 0) & (position[self.right] >= 0))
        return Cells(
            tuple(self.models[member] for member in members),
            position[inside.left],
            position[inside.right],
            inside.score,
            inside.count,
            inside.weight,
        )


def _codes(names: Sequence[str], position: dict[str, int]) -> Ints:
    return np.fromiter(map(position.__getitem__, names), np.int64, len(names))


def _outcome_codes(outcomes: Sequence[str]) -> Ints:
    try:
        return np.fromiter(map(OUTCOME_CODES.__getitem__, outcomes), np.int64, len(outcomes))
    except (KeyError, TypeError):
        raise UnknownOutcome(_first_unknown(outcomes)) from None


def _first_unknown(outcomes: Sequence[str]) -> object:
    return next(word for word in outcomes if not (isinstance(word, str) and word in OUTCOME_CODES))


def _checked_weights(weight: Sequence[float] | Floats, rows: int) -> Floats:
    weights = np.asarray(weight, dtype=np.float64)
    if weights.shape != (rows,):
        raise ValueError(
            f"{weights.size} weights were given for {rows} battles; give one for each."
        )
    if not bool(np.isfinite(weights).all()) or bool((weights < 0).any()):
        raise ValueError("A weight is negative or not a number; weights are finite and at least 0.")
    return weights
