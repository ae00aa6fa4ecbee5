"""The table of ratings: strengths, intervals, ranks, and how far each model is from the next."""

import itertools
import math
from typing import Any

import numpy as np

from annotation.boards.definition import Definition
from annotation.boards.figures.counted import Counted
from annotation.domain.arrays import Floats
from annotation.domain.battles import Battles
from annotation.domain.bootstrap import BootstrapRatings, bootstrap_ratings
from annotation.domain.bradley_terry import (
    Anchor,
    BradleyTerryFit,
    NotRankable,
    NoVotes,
    Rating,
    fit_bradley_terry,
    leader,
)
from annotation.domain.planning import design_effect, separation
from annotation.domain.tie_models import Tallies, TieFit, TieModel, fit_with_ties
from annotation.domain.tie_uncertainty import as_ratings, tie_covariance
from annotation.domain.uncertainty import (
    FEWEST_ANNOTATORS,
    Covariance,
    NoInterval,
    default_covariance,
    fisher,
    intervals,
    judge_covariance,
    sandwich,
)
from annotation.domain.win_rates import outcome_shares

BOOTSTRAP_ROUNDS = 500
# Each annotator's own ranking stands in for an interval below FEWEST_ANNOTATORS.
MOST_OWN_RANKINGS = FEWEST_ANNOTATORS


class Rated:
    """A source's fit with what the other figures need of it."""

    def __init__(self, counted: Counted, definition: Definition, source: str) -> None:
        self.counted, self.definition, self.source = counted, definition, source
        self.battles: Battles = counted.battles()
        self.tie_fit: TieFit | None = None
        self.outcome: Rating = self._fit()
        self.fit = self.outcome if isinstance(self.outcome, BradleyTerryFit) else None
        self.covariance: Covariance | NoInterval | None = None
        if self.fit is not None:
            self.covariance = self._covariance(self.fit)

    @property
    def anchor(self) -> Anchor | None:
        name = self.definition.anchor
        if not name or self.fit is None or name not in self.fit.models:
            return None
        return Anchor(name, self.definition.anchor_rating)

    def strengths(self) -> dict[str, float]:
        assert self.fit is not None
        return dict(zip(self.fit.models, self.fit.strengths.tolist(), strict=True))

    def _fit(self) -> Rating:
        if self.definition.ties != "half":
            model = TieModel(self.definition.ties)
            found = fit_with_ties(Tallies.from_battles(self.battles), model)
            if isinstance(found, TieFit):
                self.tie_fit = found
                return as_ratings(found, float(len(self.battles)))
            return found
        return fit_bradley_terry(
            self.battles.cells(),
            position_effect=self.definition.position,
            prior_sd=self.definition.prior_sd,
        )

    def _covariance(self, fit: BradleyTerryFit) -> Covariance | NoInterval:
        kind = self.definition.interval
        if kind == "fisher":
            return fisher(fit)
        if kind == "bootstrap":
            drawn = bootstrap_ratings(
                self.battles.cells(), rounds=BOOTSTRAP_ROUNDS, seed=self.definition.seed
            )
            if isinstance(drawn, BootstrapRatings) and len(drawn.strengths) > 1:
                spread = np.atleast_2d(np.cov(drawn.strengths.T))
                return Covariance(fit.models, spread, math.inf, "bootstrap")
            return NoInterval("Too few resamples could be rated. Collect more votes.")
        if kind == "sandwich":
            if self.tie_fit is not None:
                return tie_covariance(self.tie_fit, self.battles)
            return sandwich(fit, self.battles.cells())
        by_judge = self.source == "judge"
        if self.tie_fit is not None:
            plain = fit_bradley_terry(self.battles.cells())
            assert isinstance(plain, BradleyTerryFit)  # a tie model's estimate needs it to exist
            fit = plain
        usual = (judge_covariance if by_judge else default_covariance)(fit, self.battles)
        if self.tie_fit is None or isinstance(usual, NoInterval):
            return usual
        assert self.battles.prompt is not None
        if by_judge:
            return tie_covariance(self.tie_fit, self.battles, (self.battles.prompt,))
        assert self.battles.annotator is not None
        clusters = (self.battles.annotator, self.battles.prompt)
        if len(np.unique(self.battles.prompt)) < 2:
            clusters = clusters[:1]  # type: ignore[assignment]
        return tie_covariance(self.tie_fit, self.battles, clusters)


def ratings(rated: Rated) -> dict[str, Any]:
    """The state of the table, its rows best first, and what else is to be said of it."""
    outcome = rated.outcome
    if isinstance(outcome, NoVotes):
        return {"state": "no_votes", "reason": outcome.reason, "rows": []}
    common: dict[str, Any] = {"leader": leader(outcome), **_counts(rated)}
    if isinstance(outcome, NotRankable):
        return common | {
            "state": "not_rankable",
            "reason": outcome.reason,
            "rows": [],
            "components": [_component(part, rated) for part in outcome.components],
            "own": _own_rankings(rated),
        }
    assert rated.fit is not None
    covariance = rated.covariance
    found = common | {
        "state": "rated",
        "labelled_prior": rated.definition.prior_sd,
        "log_likelihood": rated.fit.log_likelihood,
        "tie_parameter": rated.tie_fit.tie_parameter if rated.tie_fit else None,
        "position_effect": rated.fit.position_effect,
        "anchor_missing": bool(rated.definition.anchor) and rated.anchor is None,
    }
    if isinstance(covariance, Covariance):
        found |= {
            "interval": covariance.kind,
            "clusters": covariance.clusters,
            "degrees": None if math.isinf(covariance.degrees) else covariance.degrees,
            "position_se": covariance.position_se,
            "design_effect": _design_effect(rated, covariance),
            "rows": _rows(rated, covariance),
        }
        return found
    reason = covariance.reason if covariance is not None else ""
    return found | {
        "interval": None,
        "no_interval": reason,
        "rows": _rows(rated, None),
        "own": _own_rankings(rated),
    }


def _counts(rated: Rated) -> dict[str, Any]:
    votes = rated.counted.votes
    known = votes["annotator"] >= 0
    return {
        "votes": len(votes),
        "judgements": votes.judgements(),
        "prompts": len(np.unique(votes["prompt"])),
        "annotators": len(np.unique(votes["annotator"][known])),
        "unknown_annotators": int((~known).sum()),
        "models": len(votes.names.models),
        "left_out": rated.counted.left_out,
        "unknown_probability": rated.counted.unknown_probability,
    }


def _design_effect(rated: Rated, covariance: Covariance) -> float | None:
    """How many votes stand for one independent vote, against the plain information."""
    plain = fit_bradley_terry(rated.battles.cells())
    if not isinstance(plain, BradleyTerryFit) or len(plain.models) < 2:
        return None
    return design_effect(covariance, fisher(plain))


def _per_model(rated: Rated) -> dict[str, dict[str, Any]]:
    """Votes, prompts, annotators, tie and both-bad rate of each model."""
    votes = rated.counted.votes
    shares = outcome_shares(rated.battles)
    size = len(votes.names.models)
    sides = np.concatenate([votes["left"], votes["right"]]).astype(np.int64)
    prompts = _distinct(sides, np.tile(votes["prompt"], 2), size)
    people = _distinct(sides, np.tile(votes["annotator"], 2), size)
    return {
        name: {
            "votes": shares[name].n,
            "tie_rate": shares[name].tie_rate,
            "both_bad_rate": shares[name].both_bad_rate,
            "prompts": prompts[at],
            "annotators": people[at],
        }
        for at, name in enumerate(votes.names.models)
    }


def _distinct(group: np.ndarray, values: np.ndarray, size: int) -> list[int]:
    """How many different values from 0 on each group has."""
    known = values >= 0
    width = int(values.max(initial=0)) + 1
    pairs = np.unique(group[known] * width + values[known])
    counts: list[int] = np.bincount(pairs // width, minlength=size).tolist()
    return counts


def _rows(rated: Rated, covariance: Covariance | None) -> list[dict[str, Any]]:
    assert rated.fit is not None
    fit, definition = rated.fit, rated.definition
    facts = _per_model(rated)
    points = fit.ratings(rated.anchor)
    rows = [{"model": name, "rating": points[name], **facts[name]} for name in fit.models]
    if covariance is not None:
        options: dict[str, Any] = {"level": definition.level, "anchor": rated.anchor}
        single = intervals(fit, covariance, **options)
        together = intervals(fit, covariance, simultaneous=True, **options)
        for row, own, joint in zip(rows, single, together, strict=True):
            row |= {
                "low": own.low,
                "high": own.high,
                "best_rank": joint.best_rank,
                "worst_rank": joint.worst_rank,
                "set_low": joint.low,
                "set_high": joint.high,
            }
    rows.sort(key=lambda row: (-row["rating"], row["model"]))
    if covariance is not None:
        strengths = rated.strengths()
        for row, following in itertools.pairwise(rows):
            found = separation(
                strengths,
                covariance,
                row["model"],
                following["model"],
                len(rated.battles),
                level=definition.level,
            )
            row["next"] = {
                "gap": found.gap,
                "se": found.se,
                "separated": found.separated,
                "p_value": found.p_value,
                "more_votes": found.more_votes,
            }
    return rows


def _component(part: Any, rated: Rated) -> dict[str, Any]:
    """A group that can be rated within itself, without interval: its place is not known."""
    found: dict[str, Any] = {
        "models": list(part.models),
        "standing": part.standing,
        "unbeaten": part.unbeaten,
        "ratings": None,
    }
    if part.fit is not None:
        points = part.fit.ratings()
        ordered = sorted(points, key=lambda name: (-points[name], name))
        found["ratings"] = [{"model": name, "rating": points[name]} for name in ordered]
    return found


def _own_rankings(rated: Rated) -> list[dict[str, Any]]:
    """What each of a few annotators says: an own order, and no interval."""
    votes = rated.counted.votes
    people, counts = np.unique(votes["annotator"], return_counts=True)
    known = [(int(c), int(p)) for p, c in zip(people, counts, strict=True) if p >= 0]
    found = []
    for number, person in sorted(known, reverse=True)[:MOST_OWN_RANKINGS]:
        battles = rated.battles.keep(votes["annotator"] == person)
        rating = fit_bradley_terry(battles.cells())
        points = rating.ratings() if isinstance(rating, BradleyTerryFit) else _won(battles)
        order = sorted(points, key=lambda name: (-points[name], name))
        found.append(
            {
                "annotator": votes.names.annotators[person].name,
                "key": votes.names.annotators[person].key,
                "votes": number,
                "rated": isinstance(rating, BradleyTerryFit),
                "order": [{"model": name, "value": points[name]} for name in order],
            }
        )
    return found


def _won(battles: Battles) -> dict[str, float]:
    """Share of the points by model, where no finite rating exists."""
    size = len(battles.models)
    score = battles.score()
    points = np.bincount(battles.left, score, size) + np.bincount(battles.right, 1 - score, size)
    met = np.bincount(battles.left, minlength=size) + np.bincount(battles.right, minlength=size)
    shares: Floats = np.divide(points, met, out=np.zeros(size), where=met > 0)
    return {
        name: float(value)
        for name, value, seen in zip(battles.models, shares, met, strict=True)
        if seen
    }
