"""How many votes a goal needs, with what is known of this board's people. Pure."""

from dataclasses import dataclass

from annotation.domain.planning import (
    VotePlan,
    plan_votes,
    probability_of_gap,
    votes_for_gap,
    votes_for_half_width,
)

# Gaps of the table beside the form, in points.
GAPS = (10.0, 20.0, 50.0, 100.0, 200.0)


@dataclass(frozen=True)
class Goal:
    """What a manager wants to know. gap: points. half_width, power, alpha: shares.

    effect: how many votes stand for one independent vote.
    """

    gap: float = 50.0
    half_width: float | None = None
    power: float = 0.8
    alpha: float = 0.05
    annotators: int = 12
    effect: float = 1.0


@dataclass(frozen=True)
class Answer:
    """The plan for the goal, and for a row of usual gaps."""

    win_rate: float
    plan: VotePlan
    usual: tuple[tuple[float, VotePlan], ...]


def answer(goal: Goal) -> Answer:
    """Raises ValueError for a goal that no number of votes reaches."""
    if goal.half_width is not None:
        independent = votes_for_half_width(0.5, goal.half_width, goal.alpha)
        rate = 0.5
    else:
        independent = votes_for_gap(goal.gap, power=goal.power, alpha=goal.alpha)
        rate = probability_of_gap(goal.gap)
    usual = tuple(
        (
            gap,
            plan_votes(
                votes_for_gap(gap, power=goal.power, alpha=goal.alpha), goal.effect, goal.annotators
            ),
        )
        for gap in GAPS
    )
    return Answer(rate, plan_votes(independent, goal.effect, goal.annotators), usual)
