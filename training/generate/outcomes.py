"""What a back end says while it answers, and the two ways in which it does not."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Finished:
    """The end of an answer. Tokens are None where the back end does not count them."""

    finish: str  # stop, length ...
    tokens_in: int | None = None
    tokens_out: int | None = None


class TryLater(Exception):
    """No answer now, perhaps later: too many requests, an error of the server, no connection.

    Args:
        sentence: what happened, for the manager.
        wait: seconds that the other side asked for, if it did.
    """

    def __init__(self, sentence: str, wait: float | None = None) -> None:
        super().__init__(sentence)
        self.wait = wait


class NoAnswer(Exception):
    """This request has no answer, and asking again would change nothing. The message says why."""
