"""Places where a test can make a process die, fail or wait. Inert unless settings.TESTING."""

import os
import time

from django.conf import settings


class FaultInjected(Exception):
    """What the action "raise" raises."""


def faultpoint(name: str) -> None:
    """Do what the environment says for this place: FAULT="import.before_commit:exit9".

    Actions: exit9 (the process is gone, nothing is cleaned up), raise, sleep (for FAULT_SECONDS, 1
    if not given). Several places are separated by commas.
    """
    if not settings.TESTING:
        return
    for given in os.environ.get("FAULT", "").split(","):
        place, _, action = given.partition(":")
        if place != name:
            continue
        if action == "exit9":
            os._exit(9)
        if action == "raise":
            raise FaultInjected(name)
        if action == "sleep":
            time.sleep(float(os.environ.get("FAULT_SECONDS", "1")))
