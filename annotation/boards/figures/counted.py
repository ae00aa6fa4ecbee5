"""Which rows count for the figures, why the others do not, and with what weight."""

from collections import Counter
from dataclasses import dataclass, field, replace

import numpy as np

from annotation.boards.definition import Definition
from annotation.boards.votes import Votes
from annotation.domain.arrays import Floats, Ints, sum_by
from annotation.domain.battles import Battles
from annotation.domain.bradley_terry import inverse_probability_weights

# As Chatbot Arena does: a prompt that is asked more often than nearly all others is cut to that.
DUPLICATES = 99.99
PAIR_FLOOR = 50.0  # arXiv:2403.04132: a pair with three votes must not rule the board


@dataclass(frozen=True)
class Counted:
    """votes: the rows that count. left_out: how many rows did not, by reason. skipped: the ids of
    judgements of which a row was left out for what the row itself does not say: leaks, duplicates.
    """

    votes: Votes
    left_out: dict[str, int]
    weight: Floats | None = None
    unknown_probability: int = 0
    skipped: Ints = field(default_factory=lambda: np.zeros(0, dtype=np.int64))

    def battles(self) -> Battles:
        return self.votes.battles(self.weight)


def counted(votes: Votes, definition: Definition, source: int) -> Counted:
    """The rows of one source without repeats, leaks and surplus duplicates; models renumbered."""
    mine = votes.keep(votes["source"] == source)
    left_out: dict[str, int] = {}
    mine = _drop(mine, mine["repeat"], "repeats", left_out)
    asked_once = mine["vote"]
    if definition.drop_leaked:
        mine = _drop(mine, leaked(mine), "leaked", left_out)
    if definition.cap_duplicates:
        mine = _drop(mine, surplus_duplicates(mine), "duplicates", left_out)
    dropped = len(asked_once) > len(mine)
    skipped = _lost_a_row(asked_once, mine["vote"]) if dropped else asked_once[:0]
    mine = only_met(mine)
    weight, unknown = _weights(mine, definition)
    return Counted(mine, left_out, weight, unknown, skipped)


def _lost_a_row(before: Ints, after: Ints) -> Ints:
    """Sorted ids that have fewer rows than they had."""
    ids, rows = np.unique(before, return_counts=True)
    left, kept = np.unique(after, return_counts=True)
    rows[np.searchsorted(ids, left)] -= kept
    return ids[rows > 0]


def leaked(votes: Votes) -> np.ndarray:
    """(n,) whether one of the two answers says who made it, where its text was read."""
    found = np.zeros(len(votes), dtype=bool)
    for side in ("left_answer", "right_answer"):
        known, row = votes.texts.of(votes[side])
        if len(votes.texts.leaked):
            found |= known & votes.texts.leaked[row]
    return found


def prompt_twins(votes: Votes) -> np.ndarray:
    """(n,) codes that prompts with the same last question share."""
    twins: dict[str, int] = {}
    codes = np.array(
        [
            twins.setdefault(prompt.duplicate_of or str(prompt.key), len(twins))
            for prompt in votes.names.prompts
        ],
        dtype=np.int64,
    )
    return codes[votes["prompt"]] if len(votes) else np.zeros(0, dtype=np.int64)


def surplus_duplicates(votes: Votes) -> np.ndarray:
    """(n,) the later votes of prompts that are asked more often than 99.99 % of prompts are."""
    surplus = np.zeros(len(votes), dtype=bool)
    if not len(votes):
        return surplus
    codes = prompt_twins(votes)
    often = np.bincount(codes)
    cap = int(np.percentile(often[often > 0], DUPLICATES, method="lower"))
    if len(np.flatnonzero(often)) <= 100 / (100 - DUPLICATES):
        return surplus  # so few prompts have no such tail
    for code in np.flatnonzero(often > cap).tolist():
        surplus[np.flatnonzero(codes == code)[cap:]] = True
    return surplus


def only_met(votes: Votes) -> Votes:
    """The same rows over the models that occur in them, in alphabetical order.

    Equal votes then give equal digits in whatever order models were first seen.
    """
    used = np.unique(np.concatenate([votes["left"], votes["right"]])).tolist()
    order = sorted(used, key=lambda at: votes.names.models[at])
    position = np.zeros(len(votes.names.models) + 1, dtype=np.int32)
    position[order] = np.arange(len(order))
    columns = dict(votes.columns)
    columns["left"], columns["right"] = position[votes["left"]], position[votes["right"]]
    names = replace(votes.names, models=tuple(votes.names.models[at] for at in order))
    return Votes(columns, names, votes.texts)


def _drop(votes: Votes, gone: np.ndarray, reason: str, left_out: dict[str, int]) -> Votes:
    number = int(gone.sum())
    if not number:
        return votes
    left_out[reason] = number
    return votes.keep(~gone)


def _weights(votes: Votes, definition: Definition) -> tuple[Floats | None, int]:
    if definition.weights == "pairs" and len(votes):
        size = len(votes.names.models)
        left, right = votes["left"].astype(np.int64), votes["right"].astype(np.int64)
        pair = np.minimum(left, right) * size + np.maximum(left, right)
        often = sum_by(pair, np.ones(len(pair)), size * size)[pair]
        weight = 1.0 / np.maximum(often, PAIR_FLOOR)
        return weight * (len(weight) / weight.sum()), 0
    if definition.weights == "probability":
        stored = votes["probability"].astype(np.float64)
        known = np.isfinite(stored) & (stored > 0.0) & (stored <= 1.0)
        weight = np.ones(len(votes))
        weight[known] = inverse_probability_weights(stored[known])
        return (weight if known.any() else None), int((~known).sum())
    return None, 0


def use_cases(votes: Votes) -> Counter[str]:
    """How many rows each use case has."""
    codes = np.bincount(votes["prompt"], minlength=len(votes.names.prompts))
    found: Counter[str] = Counter()
    for prompt, rows in zip(votes.names.prompts, codes.tolist(), strict=True):
        if rows:
            found[prompt.use_case] += rows
    return found
