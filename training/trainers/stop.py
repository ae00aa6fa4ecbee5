"""Stopping on request: SIGTERM or SIGINT finish the step, save a checkpoint and end the run."""

import signal
from types import FrameType

from training.trainers.outcome import Cancelled

CANCELLED_SENTENCE = "The run was cancelled; start it again to go on from its last checkpoint."


class StopFlag:
    """Set by a signal, read between steps.

    A second signal does not wait for the step: the run ends at once, and the last complete
    checkpoint is what remains.
    """

    def __init__(self) -> None:
        self.requested = False

    def install(self) -> None:
        """Listen to SIGTERM and SIGINT. Only the main thread may do this."""
        signal.signal(signal.SIGTERM, self._on_signal)
        signal.signal(signal.SIGINT, self._on_signal)

    def request(self) -> None:
        self.requested = True

    def check(self) -> None:
        """Raise Cancelled if a stop was requested; for places where nothing needs to be saved."""
        if self.requested:
            raise Cancelled(CANCELLED_SENTENCE)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self.requested:
            raise Cancelled("The run was told twice to stop, and stopped without a checkpoint.")
        self.requested = True
