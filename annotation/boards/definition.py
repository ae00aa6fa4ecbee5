"""What a board is besides its filter: policies, scale, seed. Pure, and written into each snapshot.

Two boards with equal definitions and equal votes show equal digits.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

# Ties as half a win for each side, or with a probability of their own (domain.tie_models).
TIES = ("half", "davidson", "rao_kupper")
# Clustered by annotator and prompt is what holds its promise; the others are there to compare.
INTERVALS = ("clustered", "sandwich", "fisher", "bootstrap")
# Every vote alike; every pair of models alike; or by the stored probability of the pair.
WEIGHTS = ("none", "pairs", "probability")
# How often one may look: at fixed looks, at any time, or without a plan (then the page warns).
STOPPING = ("looks", "e_value", "none")
# What has to be decided: every two neighbours in the order, or who leads.
GOALS = ("order", "leader")
MOST_LOOKS = 20
MOST_GROUPS = 50
MOST_CONTROLS = 50
MOST_IN_A_GROUP = 1000


class WrongDefinition(ValueError):
    """A setting that a board cannot have; `field` names it, the message says what is allowed."""

    def __init__(self, name: str, sentence: str) -> None:
        super().__init__(sentence)
        self.field = name


@dataclass(frozen=True)
class Definition:
    """How votes become figures.

    position: the advantage of being shown first is estimated beside the strengths. prior_sd: logits
    of a labelled ridge, None for plain maximum likelihood. anchor: the model that is rated
    `anchor_rating` by agreement, "" for a mean of 1000. reference: the generator that AlpacaEval's
    win rates are against, "" for none. elo_k: points that one vote can move. cap_duplicates: an
    overly frequent prompt counts no more than the 99.99th percentile. drop_leaked: votes whose
    answers name their maker are left out. goal: what the stopping rule has to decide.
    planned_votes: the full length of the stopping plan.
    controls: models whose answers say nothing, or the same in more words. groups: names of
    annotators by group, for slices.
    """

    ties: str = "half"
    position: bool = False
    interval: str = "clustered"
    weights: str = "none"
    level: float = 0.95
    prior_sd: float | None = None
    anchor: str = ""
    anchor_rating: float = 1000.0
    reference: str = ""
    elo_k: float = 4.0
    cap_duplicates: bool = True
    drop_leaked: bool = True
    stopping: str = "none"
    goal: str = "order"
    looks: int = 5
    planned_votes: int | None = None
    seed: int = 0
    controls: tuple[str, ...] = ()
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _one_of("ties", self.ties, TIES)
        _one_of("interval", self.interval, INTERVALS)
        _one_of("weights", self.weights, WEIGHTS)
        _one_of("stopping", self.stopping, STOPPING)
        _one_of("goal", self.goal, GOALS)
        _within("level", self.level, 0.5, 0.999)
        _within("elo_k", self.elo_k, 0.1, 400.0)
        _within("anchor_rating", self.anchor_rating, -10_000.0, 10_000.0)
        _within("looks", self.looks, 1, MOST_LOOKS)
        _within("seed", self.seed, 0, 2**31 - 1)
        if self.prior_sd is not None:
            _within("prior_sd", self.prior_sd, 0.01, 100.0)
        if self.planned_votes is not None:
            _within("planned_votes", self.planned_votes, 1, 10**9)
        if self.ties != "half" and (self.position or self.prior_sd or self.weights != "none"):
            raise WrongDefinition(
                "ties",
                "A position effect, a prior or weights go with ties as half wins only. "
                "Choose half wins, or switch the others off.",
            )
        if self.ties != "half" and self.interval in ("fisher", "bootstrap"):
            raise WrongDefinition(
                "interval",
                "With a model of ties the interval is clustered or a sandwich. Choose one of them.",
            )
        if self.interval == "bootstrap" and (self.position or self.prior_sd):
            raise WrongDefinition(
                "interval",
                "The bootstrap knows no position effect and no prior. Choose another interval.",
            )
        if self.interval == "bootstrap" and self.weights != "none":
            raise WrongDefinition(
                "interval", "Weighted votes have no bootstrap here. Choose the clustered interval."
            )

    def as_json(self) -> dict[str, Any]:
        """Every setting, so that a later default changes no board."""
        return asdict(self) | {
            "groups": {name: list(who) for name, who in self.groups.items()},
            "controls": list(self.controls),
        }

    @classmethod
    def from_json(cls, given: Mapping[str, Any]) -> "Definition":
        """Raises WrongDefinition for an unknown setting or a value that it cannot have."""
        known = {each.name: each for each in fields(cls)}
        for name in given:
            if name not in known:
                allowed = ", ".join(known)
                raise WrongDefinition(
                    str(name), f"A board has no setting {str(name)[:60]!r}. Allowed: {allowed}."
                )
        values = {name: _typed(name, value) for name, value in given.items()}
        return cls(**values)


FLAGS = ("position", "cap_duplicates", "drop_leaked")
WHOLE = ("looks", "planned_votes", "seed")
NUMBERS = ("level", "prior_sd", "anchor_rating", "elo_k")


def _typed(name: str, value: Any) -> Any:
    if name in FLAGS:
        if not isinstance(value, bool):
            raise WrongDefinition(name, f"{name} is {value!r}; give true or false.")
        return value
    if name in (*WHOLE, *NUMBERS):
        if value is None and name in ("prior_sd", "planned_votes"):
            return None
        whole = name in WHOLE
        if isinstance(value, bool) or not isinstance(value, int if whole else int | float):
            kind = "a whole number" if whole else "a number"
            raise WrongDefinition(name, f"{name} is {value!r}; give {kind}.")
        return value if whole else float(value)
    if name == "groups":
        return _groups(value)
    if name == "controls":
        named = isinstance(value, list | tuple) and len(value) <= MOST_CONTROLS
        if not named or not all(isinstance(one, str) and len(one) <= 200 for one in value):
            raise WrongDefinition(name, f"controls names at most {MOST_CONTROLS} models.")
        return tuple(value)
    if not isinstance(value, str) or len(value) > 200 or "\0" in value:
        raise WrongDefinition(name, f"{name} is a text of at most 200 characters.")
    return value


def _groups(value: Any) -> dict[str, tuple[str, ...]]:
    if not isinstance(value, Mapping) or len(value) > MOST_GROUPS:
        raise WrongDefinition("groups", f"groups names at most {MOST_GROUPS} lists of annotators.")
    found = {}
    for name, people in value.items():
        listed = isinstance(people, list | tuple) and len(people) <= MOST_IN_A_GROUP
        if not listed or not all(isinstance(one, str) and len(one) <= 200 for one in people):
            raise WrongDefinition("groups", f"The group {name!r} is a list of names.")
        found[str(name)[:60]] = tuple(people)
    return found


def _one_of(name: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        words = ", ".join(allowed)
        raise WrongDefinition(name, f"{name} is {value!r}. Allowed: {words}.")


def _within(name: str, value: float, least: float, most: float) -> None:
    if not (math.isfinite(value) and least <= value <= most):
        raise WrongDefinition(name, f"{name} is {value!r}; give a number from {least} to {most}.")
