"""Scraped conversations that are there twice, told one after the other as they are read."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Sample:
    """A scraped conversation as the deduplication sees it. question, answer: its first turns."""

    id: str
    question: str
    answer: str
    uses_plugins: bool = False


class SampleFilter:
    """Tells for one conversation after the other why it is left out; the first occurrence wins.

    The same id, then plugins (always dropped), then the same first question and answer. An empty
    id is no id. Source: FastChat, clean_sharegpt. It remembers 16 bytes for each id and opening.
    """

    def __init__(self) -> None:
        self._ids: set[bytes] = set()
        self._openings: set[bytes] = set()

    def reason(self, sample: Sample) -> str:
        """`same_id`, `plugins`, `same_opening`, or "" for a conversation to keep."""
        known = _short_hash(sample.id)
        if sample.id and known in self._ids:
            return "same_id"
        self._ids.add(known)
        if sample.uses_plugins:
            return "plugins"
        opening = _short_hash(sample.question, sample.answer)
        if opening in self._openings:
            return "same_opening"
        self._openings.add(opening)
        return ""


def _short_hash(*texts: str) -> bytes:
    digest = hashlib.blake2b(digest_size=16)
    for text in texts:
        encoded = text.encode("utf-8", "surrogatepass")
        digest.update(len(encoded).to_bytes(8, "big") + encoded)
    return digest.digest()


def dedupe_conversations(samples: Iterable[Sample]) -> tuple[list[int], dict[str, int]]:
    """Positions of the samples to keep, and how many were dropped for which reason."""
    seen = SampleFilter()
    kept: list[int] = []
    dropped = {"same_id": 0, "plugins": 0, "same_opening": 0}
    for position, sample in enumerate(samples):
        reason = seen.reason(sample)
        if reason:
            dropped[reason] += 1
        else:
            kept.append(position)
    return kept, dropped
