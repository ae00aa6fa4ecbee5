"""What can be said about two answers, and the words for it that people bring.

Apart from `battles` because the models' tables name it: a process that only writes rows loads no
columns of numbers.
"""

from enum import StrEnum


class Outcome(StrEnum):
    """What was said about the answer on the left and the answer on the right."""

    LEFT = "left"
    RIGHT = "right"
    TIE = "tie"
    BOTH_BAD = "both_bad"


# In columns an outcome is its position here.
OUTCOMES = tuple(Outcome)
LEFT, RIGHT, TIE, BOTH_BAD = range(4)

# The words that our own screens, Chatbot Arena, MT-Bench and LLMFAO use for the same four outcomes.
OUTCOME_WORDS: dict[str, Outcome] = {
    **{outcome.value: outcome for outcome in Outcome},
    "a": Outcome.LEFT,
    "model_a": Outcome.LEFT,
    "b": Outcome.RIGHT,
    "model_b": Outcome.RIGHT,
    "bothbad": Outcome.BOTH_BAD,
    "tie (bothbad)": Outcome.BOTH_BAD,
}
OUTCOME_CODES = {word: OUTCOMES.index(outcome) for word, outcome in OUTCOME_WORDS.items()}


class UnknownOutcome(ValueError):
    """A winner was named by a word without a meaning here; to count it as a tie would be a lie."""

    def __init__(self, word: object) -> None:
        allowed = ", ".join(repr(known) for known in OUTCOME_WORDS)
        super().__init__(f"The outcome {word!r} is unknown. Use one of {allowed}.")


def parse_outcome(word: str) -> Outcome:
    """The outcome that a word stands for.

    Raises UnknownOutcome for every other word: it is never read as a tie.
    """
    try:
        return OUTCOME_WORDS[word]
    except (KeyError, TypeError):
        raise UnknownOutcome(word) from None
