"""What the board would say without one annotator, one topic, or a handful of votes."""

import itertools
from typing import Any

import numpy as np

from annotation.boards.figures.ratings import Rated
from annotation.boards.votes import PromptLabels
from annotation.domain.annotator_quality import random_checkpoints
from annotation.domain.arrays import Floats
from annotation.domain.diagnostics import LeftOut, leader_fragility, leave_one_out
from annotation.domain.distributions import chi2_quantile

# The search refits the board some dozens of times; beyond this many votes it is left to a sample.
MOST_FOR_FRAGILITY = 200_000
SHOWN = 20
MOST_GROUPS = 2000  # refits; of more annotators the busiest are left out in turn
ALPHA = 0.1
FEWEST_VOTES = 10


def robustness(rated: Rated) -> dict[str, Any]:
    votes = rated.counted.votes
    topics, labels = topics_of(rated)
    people = [(label.name, {"who": label.key}) for label in votes.names.annotators]
    return {
        "annotators": _left_out(rated, votes["annotator"].astype(np.int64), people),
        "topics": _left_out(rated, topics, labels),
        "fragility": _fragility(rated),
        "anomalous": anomalous(rated),
    }


# What is left out: its name, and what finds its votes (VoteFilter).
Left = tuple[str, dict[str, str]]


def topics_of(rated: Rated) -> tuple[np.ndarray, list[Left]]:
    """(n,) codes of each vote's use case, else its first tag; -1 without either."""
    codes: dict[tuple[str, str], int] = {}
    of_prompt = np.array(
        [
            codes.setdefault(topic, len(codes)) if topic else -1
            for topic in (_topic(prompt) for prompt in rated.counted.votes.names.prompts)
        ],
        dtype=np.int64,
    )
    prompt = rated.counted.votes["prompt"]
    named = [(name, {kind: name}) for kind, name in codes]
    return (of_prompt[prompt] if len(of_prompt) else prompt.astype(np.int64)), named


def _topic(prompt: PromptLabels) -> tuple[str, str] | None:
    if prompt.use_case:
        return "use_case", prompt.use_case
    return ("tag", prompt.tags[0]) if prompt.tags else None


def _left_out(rated: Rated, groups: np.ndarray, labels: list[Left]) -> dict[str, Any] | None:
    """None where there are not two groups to leave out in turn."""
    counts = np.bincount(groups[groups >= 0], minlength=len(labels))
    present = np.argsort(-counts, kind="stable")[: np.count_nonzero(counts)][:MOST_GROUPS]
    if len(present) < 2:
        return None
    position = np.full(len(labels) + 1, -1)
    position[present] = np.arange(len(present))
    found = leave_one_out(rated.battles, position[groups], present.tolist())
    before = rated.strengths() if rated.fit is not None else None
    leads = max(before, key=lambda name: before[name]) if before else None
    changed = [one for one in found if leads is not None and one.leader != leads]
    ordered = sorted(found, key=lambda one: -(one.largest_move or -1.0))
    return {
        "groups": len(found),
        "leader_changes": [_row(one, labels) for one in changed[:SHOWN]],
        "changes": len(changed),
        "largest": [_row(one, labels) for one in ordered[:SHOWN]],
    }


def _row(one: LeftOut, labels: list[Left]) -> dict[str, Any]:
    name, which = labels[int(str(one.group))]
    return {
        "group": name,
        "filter": which,
        "votes": one.votes,
        "leader": one.leader,
        "largest_move": one.largest_move,
    }


def _fragility(rated: Rated) -> dict[str, Any] | None:
    """How few votes decide who leads; None without ratings or with too many votes."""
    if len(rated.battles) > MOST_FOR_FRAGILITY or rated.fit is None:
        return None
    found = leader_fragility(rated.battles)
    if found is None:
        return None
    rows = rated.counted.votes["vote"][found.rows[:SHOWN]]
    return {
        "votes": found.votes,
        "new_leader": found.new_leader,
        "of": len(rated.battles),
        "which": [int(vote) for vote in rows],
    }


def anomalous(rated: Rated) -> dict[str, Any] | None:
    """Voters whose votes are unusual beside everybody else's, in either direction.

    arXiv:2403.04132 section 5.1 with all others' votes on the pair as history: p_i = (1 + #{h >=
    H_i}) / (n + 1), M_j = -2 sum ln p_i against chi-square with 2j degrees at five random moments.
    """
    votes, battles = rated.counted.votes, rated.battles
    people = votes["annotator"]
    if len(np.unique(people[people >= 0])) < 3:
        return None
    size = len(battles.models)
    turned = battles.left > battles.right
    low, high = np.minimum(battles.left, battles.right), np.maximum(battles.left, battles.right)
    score = np.where(turned, 1.0 - battles.score(), battles.score())
    level = np.round(2 * score).astype(np.int64)
    pair = low * size + high
    everyone = np.bincount(pair * 3 + level, minlength=size * size * 3).reshape(-1, 3)
    flagged, looked = [], 0
    order = np.argsort(people, kind="stable")
    starts = np.searchsorted(people[order], np.arange(len(votes.names.annotators) + 1))
    for person, (begin, end) in enumerate(itertools.pairwise(starts)):
        rows = np.sort(order[begin:end])[:100]
        if len(rows) < FEWEST_VOTES:
            continue
        looked += 1
        own = order[begin:end]
        direction = _unusual(pair, level, everyone, own, rows, rated.definition.seed + person)
        if direction:
            label = votes.names.annotators[person]
            flagged.append(
                {
                    "annotator": label.name,
                    "key": label.key,
                    "votes": int(end - begin),
                    "direction": direction,
                }
            )
    return {"looked_at": looked, "flagged": flagged, "alpha": ALPHA}


def _unusual(
    pair: np.ndarray,
    level: np.ndarray,
    everyone: np.ndarray,
    own: np.ndarray,
    rows: np.ndarray,
    seed: int,
) -> str:
    """ "high", "low", "both" or "": which way the first hundred votes of a person stand out."""
    mine: dict[int, Floats] = {}
    for row in own.tolist():
        mine.setdefault(int(pair[row]), np.zeros(3))[level[row]] += 1
    others = np.array([everyone[pair[row]] - mine[int(pair[row])] for row in rows.tolist()])
    levels = level[rows]
    total = others.sum(axis=1)
    at_least = np.array([row[at:].sum() for row, at in zip(others, levels, strict=True)])
    at_most = np.array([row[: at + 1].sum() for row, at in zip(others, levels, strict=True)])
    checkpoints = random_checkpoints(len(rows), seed)
    found = []
    for name, count in (("high", at_least), ("low", at_most)):
        course = np.cumsum(-2.0 * np.log((1.0 + count) / (total + 1.0)))
        limit = 1.0 - ALPHA / 2.0 / len(checkpoints)
        if any(course[j - 1] >= chi2_quantile(limit, 2 * j) for j in checkpoints):
            found.append(name)
    return "both" if len(found) == 2 else "".join(found)
