"""One fingerprint for one prompt, and the split that follows from it."""

import hashlib
import json
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

# Kept: json.dumps would make a new encoder each time. Lists of texts go through msgspec, which
# writes the same bytes faster; numbers in tool calls it writes otherwise.
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode

TRAIN, VALIDATION = "train", "validation"


def canonical_text(text: str) -> str:
    """The text in Unicode NFC with LF line ends and no outer white space.

    Only fingerprints use it: what is stored and exported is the text as it came.
    """
    if not text.isascii():
        text = unicodedata.normalize("NFC", text)
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return text.strip()


def prompt_hash(
    messages: Sequence[Mapping[str, Any]] | Sequence[tuple[str, str]],
    follow_ups: Sequence[str] = (),
) -> str:
    """SHA-256 (64 hexadecimal digits) of a prompt's canonical messages.

    messages: role and content, as pairs or as mappings with these keys (names and tool calls
    count when they are there). follow_ups: later questions of a prompt with several turns.
    Messages are the same prompt when they differ only in white space around them, in line ends,
    or in how Unicode composes letters.
    """
    parts: list[Any] = []
    plain = not follow_ups
    for message in messages:
        if isinstance(message, tuple):
            parts.append([message[0], canonical_text(message[1])])
        else:
            part = [message["role"], canonical_text(message["content"])]
            extra = {key: message[key] for key in ("name", "tool_calls") if message.get(key)}
            parts.append([*part, extra] if extra else part)
            plain = plain and not extra
    if follow_ups:
        parts.append({"follow_ups": [canonical_text(text) for text in follow_ups]})
    encoded = msgspec.json.encode(parts) if plain else _encode(parts).encode("utf-8")
    return hashlib.sha256(encoded).hexdigest()


def split_of(fingerprint: str, validation_share: float, *, salt: str = "") -> str:
    """TRAIN or VALIDATION, told by the prompt's hash alone: the same on every machine and day.

    All rows of one prompt fall on one side, so that no answer is trained on while another answer
    to the same prompt is tested. Raises ValueError for a share outside 0 to 1.
    """
    if not 0.0 <= validation_share <= 1.0:
        raise ValueError(f"The validation share is {validation_share}; it lies between 0 and 1.")
    digest = hashlib.sha256(f"{salt}:{fingerprint}".encode()).digest()
    position = int.from_bytes(digest[:8], "big") / 2**64
    return VALIDATION if position < validation_share else TRAIN


def split_threshold(validation_share: float) -> bytes:
    """split_of() as one comparison: a prompt is VALIDATION when the first 8 bytes of its digest
    are smaller than these (big-endian). For a database that splits a million prompts at once."""
    low, high = 0, 2**64 - 1
    while low < high:
        middle = (low + high) // 2
        if middle / 2**64 < validation_share:
            low = middle + 1
        else:
            high = middle
    return low.to_bytes(8, "big")
