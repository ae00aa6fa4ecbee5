"""What clients were told against what is stored: no answer is lost, doubled or invented.

In the manner of Jepsen: every write has a name of its own (its idempotency key), its client notes
whether it was acknowledged, refused, or whether nobody knows, and the end is compared with that.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from enum import Enum


class Told(Enum):
    OK = "acknowledged"  # must be stored, once
    REFUSED = "refused"  # must not be stored
    UNKNOWN = "not answered"  # may be stored, once


def wrong_with(history: Mapping[str, Told], stored: Iterable[tuple[str, int]]) -> list[str]:
    """Sentences about the rows (key, slot) that should not be as they are; none if all is well."""
    rows = list(stored)
    by_key = Counter(key for key, _slot in rows)
    by_slot = Counter(slot for _key, slot in rows)
    lost = [key for key, told in history.items() if told is Told.OK and not by_key[key]]
    found = [f"lost: {key} was acknowledged" for key in lost]
    found += [
        f"phantom: {key} was {history[key].value if key in history else 'never sent'}"
        for key in by_key
        if history.get(key, Told.REFUSED) is Told.REFUSED
    ]
    found += [f"double: {key} is stored {n} times" for key, n in by_key.items() if n > 1]
    found += [f"double: slot {slot} has {n} answers" for slot, n in by_slot.items() if n > 1]
    return found
