"""People and judges side by side: never one sum, except that a judge may sharpen a human mean."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import asdict
from itertools import islice
from typing import Any

import numpy as np

from annotation.boards.figures.bias import as_share
from annotation.boards.figures.counted import Counted
from annotation.boards.votes import HUMAN, JUDGE, SOURCES, Votes
from annotation.domain.battles import LEFT_SCORE
from annotation.domain.control_variate import controlled_mean
from annotation.domain.judges import JudgedPair, SwappedGame, judge_agreement, swap_report
from annotation.domain.outcomes import OUTCOMES
from annotation.domain.proportions import share

# Agreement is counted over at most so many votes a source; the page says so.
MOST_VOTES = 50_000
FEWEST_SHARED = 10
VERDICTS = {"left": "A", "right": "B", "tie": "tie", "both_bad": "tie"}


def judges(parts: dict[int, Counted]) -> dict[str, Any] | None:
    """parts: the counted rows by source. None where nobody but people voted."""
    others = [source for source in parts if source != HUMAN and len(parts[source].votes)]
    if not others:
        return None
    human = parts[HUMAN].votes if HUMAN in parts else None
    found: dict[str, Any] = {"sources": [], "limit": MOST_VOTES}
    for source in others:
        votes = parts[source].votes
        found["sources"].append(
            {
                "source": SOURCES[source],
                "votes": len(votes),
                "judges": [_judge(votes, code, human) for code in _busiest(votes)],
                "among": _agreement([(votes, "a")], "a", "a"),
                "with_people": _agreement([(human, "h"), (votes, "a")], "h", "a")
                if human is not None and len(human)
                else None,
            }
        )
    if human is not None and len(human):
        found["people_among"] = _agreement([(human, "h")], "h", "h")
        if JUDGE in others:
            found["controlled"] = control_variates(human, parts[JUDGE].votes)
            found["self_preference"] = self_preference(human, parts[JUDGE].votes)
    return found


def _busiest(votes: Votes) -> list[int]:
    people, counts = np.unique(votes["annotator"], return_counts=True)
    return [int(people[at]) for at in np.argsort(-counts, kind="stable")[:10]]


def _judge(votes: Votes, code: int, human: Votes | None) -> dict[str, Any]:
    own = votes.keep(votes["annotator"] == code)
    name = votes.names.annotators[code].name if code >= 0 else ""
    games = list(_both_orders(own))
    swapped = swap_report(games)
    decisive = own.keep(own["ordered"] & (own["outcome"] <= 1))
    return {
        "name": name,
        "key": votes.names.annotators[code].key if code >= 0 else "",
        "votes": len(own),
        "both_orders": swapped.n_valid,
        "consistency": as_share(
            share(round((swapped.consistency or 0.0) * swapped.n_valid), swapped.n_valid)
        ),
        "first_both_times": swapped.first_position_rate,
        "second_both_times": swapped.second_position_rate,
        "first": as_share(share(int((decisive["outcome"] == 0).sum()), len(decisive))),
        "agreement": _agreement([(human, "h"), (own, "j")], "h", "j")
        if human is not None and len(human)
        else None,
    }


def _both_orders(votes: Votes) -> Iterator[SwappedGame]:
    """Matches that one judge saw in both orders."""
    first: dict[tuple[int, int], int] = {}
    names = votes.names.models
    for row in islice(range(len(votes)), MOST_VOTES):
        one, other = int(votes["left_answer"][row]), int(votes["right_answer"][row])
        before = first.pop((other, one), None)
        if before is None:
            first[one, other] = row
            continue
        yield SwappedGame(
            names[votes["left"][before]],
            names[votes["right"][before]],
            VERDICTS[OUTCOMES[int(votes["outcome"][before])]],
            VERDICTS[OUTCOMES[int(votes["outcome"][row])]],
        )


def _agreement(parts: list[tuple[Votes | None, str]], first: str, second: str) -> dict[str, Any]:
    """Agreement with and without ties, and the noise of one voter that would explain it."""
    pairs = [pair for votes, who in parts if votes is not None for pair in _pairs(votes, who)]
    found: dict[str, Any] = {}
    for key, without in (("with_ties", False), ("without_ties", True)):
        counted = judge_agreement(pairs, first, second, without_ties=without)
        found[key] = {**as_share(counted.rate), "chance": counted.chance}
    rate = found["without_ties"]["value"]
    found["noise"] = _noise(rate)
    return found


def _noise(agreement: float | None) -> float | None:
    """The share e of flipped votes with 1 - 2 e (1 - e) = agreement: two equally noisy voters who
    would agree without noise. None below one half, where no noise explains it.

    AlpacaFarm (arXiv:2305.14387) flips a quarter of its simulated votes to look like people.
    """
    if agreement is None or agreement < 0.5:
        return None
    return float((1.0 - np.sqrt(2.0 * agreement - 1.0)) / 2.0)


def _pairs(votes: Votes, who: str) -> Iterator[JudgedPair]:
    names = votes.names.models
    for row in islice(range(len(votes)), MOST_VOTES):
        one, other = int(votes["left_answer"][row]), int(votes["right_answer"][row])
        yield JudgedPair(
            int(votes["prompt"][row]),
            (min(one, other), max(one, other)),
            names[votes["left"][row]],
            names[votes["right"][row]],
            who,
            OUTCOMES[int(votes["outcome"][row])],
        )


Match = tuple[int, int, int]


def _scores(votes: Votes) -> dict[Match, tuple[float, int, int]]:
    """Mean score of the answer with the lower id: by (prompt, lower, higher), with both models.

    A match that a judge saw in both orders is one item: that is what cancels its love of a place.
    """
    points: dict[Match, list[float]] = defaultdict(list)
    models: dict[Match, tuple[int, int]] = {}
    share = votes["share"].astype(np.float64)
    score = np.where(np.isfinite(share), 1.0 - share, LEFT_SCORE[votes["outcome"]])
    for row in range(len(votes)):
        one, other = int(votes["left_answer"][row]), int(votes["right_answer"][row])
        left, right = int(votes["left"][row]), int(votes["right"][row])
        turned = one > other
        key = (int(votes["prompt"][row]), min(one, other), max(one, other))
        points[key].append(float(1.0 - score[row] if turned else score[row]))
        models[key] = (right, left) if turned else (left, right)
    return {key: (sum(own) / len(own), *models[key]) for key, own in points.items()}


def control_variates(human: Votes, judge: Votes) -> dict[str, Any]:
    """Each model's human win rate over the matches that the judge saw, made sharper by the judge.

    Unbiased whatever the judge's bias, where people voted on a random part of the judge's matches.
    """
    if max(len(human), len(judge)) > 4 * MOST_VOTES:
        return {"rows": [], "reason": "too_many"}
    people, machine = _scores(human), _scores(judge)
    by_model: dict[str, tuple[list[float], list[float], list[float]]] = defaultdict(
        lambda: ([], [], [])
    )
    for key, (said, one, other) in machine.items():
        both = people.get(key)
        for model, turned in ((judge.names.models[one], False), (judge.names.models[other], True)):
            own, shared, rest = by_model[model]
            value = 1.0 - said if turned else said
            if both is None:
                rest.append(value)
            else:
                own.append(1.0 - both[0] if turned else both[0])
                shared.append(value)
    rows = []
    for model in sorted(by_model):
        people_said, judge_said, unseen = (np.array(part) for part in by_model[model])
        if len(people_said) >= FEWEST_SHARED:
            sharper = controlled_mean(people_said, judge_said, unseen)
            rows.append({"model": model, **asdict(sharper)})
    rows.sort(key=lambda row: -row["estimate"])
    return {"rows": rows, "reason": "" if rows else "nothing_shared"}


def family(name: str) -> str:
    """What comes before the first figure or mark: "gpt-4-turbo" and "gpt-3.5" are one family."""
    letters = ""
    for sign in name.lower():
        if not sign.isalpha():
            break
        letters += sign
    return letters


def self_preference(human: Votes, judge: Votes) -> list[dict[str, Any]]:
    """Win rate of a judge's own family under the judge, minus the same under people."""
    found = []
    for code in _busiest(judge):
        if code < 0:
            continue
        label = judge.names.annotators[code].name
        own = [family(label)]
        if len(own[0]) < 2:
            continue
        under_judge = _family_rate(judge.keep(judge["annotator"] == code), own[0])
        under_people = _family_rate(human, own[0])
        if under_judge["n"] and under_people["n"]:
            gap = under_judge["value"] - under_people["value"]
            found.append(
                {
                    "judge": label,
                    "family": own[0],
                    "under_judge": under_judge,
                    "under_people": under_people,
                    "difference": gap,
                }
            )
    return found


def _family_rate(votes: Votes, own: str) -> dict[str, Any]:
    """Share of points of one family's answers against other families' answers."""
    inside = np.array([family(name) == own for name in votes.names.models], dtype=bool)
    left, right = inside[votes["left"]], inside[votes["right"]]
    score = LEFT_SCORE[votes["outcome"]]
    points = float(score[left & ~right].sum() + (1.0 - score[right & ~left]).sum())
    return as_share(share_of_points(points, int((left ^ right).sum())))


def share_of_points(points: float, n: int) -> Any:
    """A share whose hits may be halves."""
    from annotation.domain.proportions import Share, wilson_interval

    if not n:
        return Share(None, None, None, 0)
    return Share(points / n, *wilson_interval(points, n), n)
