"""Which function trains by which method; imported only when it is wanted.

The libraries under a method (trl, peft) take seconds to import, and a run needs one method.
"""

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING

from training.trainers.outcome import Result

if TYPE_CHECKING:
    from training.trainers.run_directory import Run

# Each function has the signature train(run: Run) -> Result.
METHODS: dict[str, str] = {
    "sft": "training.trainers.sft:train",
    "pretrain": "training.trainers.sft:train",
    "reward": "training.trainers.reward:train",
    "dpo": "training.trainers.dpo:train",
    "kto": "training.trainers.kto:train",
    "ppo": "training.trainers.ppo:train",
    "reinforce": "training.trainers.reinforce:train",
    "rloo": "training.trainers.reinforce:train",
    "raft": "training.trainers.raft:train",
    "best_of_n": "training.trainers.best_of_n:train",
}


def trainer_of(method: str) -> "Callable[[Run], Result]":
    """The function that carries a method out."""
    module, _, name = METHODS[method].partition(":")
    found: Callable[[Run], Result] = getattr(import_module(module), name)
    return found
