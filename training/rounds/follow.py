"""A round on the command line: what it says of itself, and a bar that moves."""

import time
from collections.abc import Callable

from training.models import Round, StepState
from training.rounds import page
from training.rounds.queries import done_steps, rounds_in, where

WIDTH = 40  # characters of the bar
LOOK_SECONDS = 1.0
MARKS = {
    StepState.DONE: "x",
    StepState.RUNNING: ">",
    StepState.FAILED: "!",
    StepState.WAITING: " ",
}
MOVING = ("running",)


def summary(found: Round) -> list[str]:
    """One line for the round, and one for each of its steps."""
    lines = [
        f"{found}: {where(found).label}; learns: {found.base}; new model: {found.model or '-'}"
    ]
    for step in page.shown_steps(found):
        hand = "" if step.row.automatic else " (by hand)"
        words = step.standing.error or step.standing.words
        said = f": {words}" if step.here and words else ""
        mark = MARKS[StepState(step.row.state)]
        lines.append(f"[{mark}] {step.number}. {step.row.get_step_display()}{hand}{said}")
    return lines


def bar(found: Round) -> str:
    """How far it is, and what it waits for: one line of at most some hundred characters."""
    shown = page.shown_steps(found)
    here = next((step for step in shown if step.here), None)
    part = 0.0
    if here is not None and here.standing.want:
        part = min(1.0, (here.standing.have or 0) / here.standing.want)
    full = int((done_steps(found) + part) / len(shown) * WIDTH)
    words = (here.standing.error or here.standing.words) if here is not None else "done"
    name = here.row.get_step_display() if here is not None else ""
    return f"[{'#' * full:<{WIDTH}}] {done_steps(found)}/{len(shown)} {name} {words}"[:140]


def follow(found: Round, write: Callable[[str], None]) -> Round:
    """Show the bar until the round is done, or waits for a person to do something about it."""
    while True:
        found = rounds_in(found.workspace).get(pk=found.pk)
        write(f"\r{bar(found):<140}")
        if where(found).key not in MOVING:
            write("\n")
            return found
        time.sleep(LOOK_SECONDS)
