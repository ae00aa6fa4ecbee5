"""Multiple-choice benchmarks: the model chooses what it finds likeliest."""

import math
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np


class Question(NamedTuple):
    """choices: continuations. log_likelihoods: summed over the tokens of each. gold: position."""

    choices: Sequence[str]
    log_likelihoods: Sequence[float]
    gold: int


@dataclass(frozen=True)
class MultipleChoiceScores:
    """Shares of questions answered right: by likelihood, per character and per byte of the choice.

    standard_error: of `accuracy`, sd (ddof 1) / sqrt(n), None for a single question.
    """

    n: int
    accuracy: float
    accuracy_per_character: float
    accuracy_per_byte: float
    standard_error: float | None


def multiple_choice_scores(questions: Sequence[Question]) -> MultipleChoiceScores:
    """As EleutherAI's harness counts acc, acc_norm and acc_bytes; of equal choices the first wins.

    Raises ValueError for no question, for a gold answer that is not among the choices, and for an
    empty choice, which has no length to divide by.
    """
    if not questions:
        raise ValueError("There is no question to score. Run the suite first.")
    for at, question in enumerate(questions, start=1):
        _require_whole(at, question)
    plain, characters, octets = [], [], []
    for question in questions:
        likelihoods = np.array(question.log_likelihoods, dtype=np.float64)
        length = np.array([len(choice) for choice in question.choices])
        size = np.array([len(choice.encode()) for choice in question.choices])
        plain.append(int(likelihoods.argmax()) == question.gold)
        characters.append(int((likelihoods / length).argmax()) == question.gold)
        octets.append(int((likelihoods / size).argmax()) == question.gold)
    n = len(questions)
    error = float(np.std(plain, ddof=1)) / math.sqrt(n) if n > 1 else None
    return MultipleChoiceScores(
        n=n,
        accuracy=float(np.mean(plain)),
        accuracy_per_character=float(np.mean(characters)),
        accuracy_per_byte=float(np.mean(octets)),
        standard_error=error,
    )


def exact_match(answer: str, references: Sequence[str]) -> bool:
    """Whether an answer equals a reference after both are put in plain form."""
    return plain_answer(answer) in {plain_answer(reference) for reference in references}


def plain_answer(text: str) -> str:
    """Without case, punctuation and extra spaces; compatibility forms are unified."""
    unified = unicodedata.normalize("NFKC", text).casefold()
    kept = "".join(one for one in unified if not unicodedata.category(one).startswith("P"))
    return " ".join(kept.split())


def _require_whole(at: int, question: Question) -> None:
    if len(question.choices) != len(question.log_likelihoods):
        raise ValueError(f"Question {at} has not one likelihood for each choice.")
    if not 0 <= question.gold < len(question.choices):
        raise ValueError(f"Question {at} has the gold answer {question.gold}, which is no choice.")
    if not all(question.choices):
        raise ValueError(f"Question {at} has an empty choice; give it a text.")
