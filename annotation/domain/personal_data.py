"""Personal data in texts: found by pattern, flagged, and masked on request. No service is asked.

Patterns find what has a fixed shape. Names and street addresses have none and are not looked for.
"""

import hashlib
import hmac
import ipaddress
import re
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What was found. The value is the flag stored with a turn."""

    EMAIL = "email"
    PHONE = "phone"
    IPV4 = "ipv4"
    CREDIT_CARD = "credit_card"
    SECRET_KEY = "secret_key"  # noqa: S105 - the name of a kind, not a secret


@dataclass(frozen=True, slots=True)
class Span:
    """`text[start:end]` is personal data of this kind."""

    kind: Kind
    start: int
    end: int


# Lengths are bounded everywhere, so that a megabyte of one letter costs no more than it should.
_EMAIL = re.compile(
    r"(?<![A-Za-z0-9._%+-])[A-Za-z0-9](?:[A-Za-z0-9._%+-]{0,62}[A-Za-z0-9_%+-])?"
    r"@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.){1,8}[A-Za-z]{2,24}(?![A-Za-z0-9-])"
)
_IPV4 = re.compile(r"(?<![\d.])(?:\d{1,3}\.){3}\d{1,3}(?![\d]|\.\d)")
_DIGITS = re.compile(r"(?<![\d.])\d(?:[ -]?\d){12,18}(?![\d]|[ -]\d)")
_PHONE = re.compile(
    r"(?<![\w.+-])(?:"
    # international: a plus, the country's code, groups
    r"\+\d{1,3}(?:[ .-]?\(\d{1,5}\)|[ .-]?\d{1,5}){1,6}"
    # North America: 555 010 9999 with any separators
    r"|(?:1[ .-])?(?:\(\d{3}\)[ .-]?|\d{3}[ .-])\d{3}[ .-]\d{4}"
    # elsewhere: a leading zero, an area code, groups
    r"|\(?0\d{1,5}\)?[ /-]\d{2,4}(?:[ -]?\d{2,4}){1,4}"
    r")(?![\w-]|\.\d)"
)
_KEYS = re.compile(
    r"(?<![A-Za-z0-9])(?:"
    r"sk-(?:proj-|ant-|or-)?[A-Za-z0-9_-]{20,200}"
    r"|hf_[A-Za-z0-9]{20,60}"
    r"|gh[pousr]_[A-Za-z0-9]{30,100}"
    r"|github_pat_[A-Za-z0-9_]{30,120}"
    r"|xox[abpr]-[A-Za-z0-9-]{10,100}"
    r"|(?:AKIA|ASIA)[0-9A-Z]{16}"
    r"|AIza[0-9A-Za-z_-]{35}"
    r"|glpat-[A-Za-z0-9_-]{20,60}"
    r"|eyJ[A-Za-z0-9_-]{10,500}\.eyJ[A-Za-z0-9_-]{10,2000}\.[A-Za-z0-9_-]{10,500}"
    r")(?![A-Za-z0-9])"
    r"|-----BEGIN (?:[A-Z]{2,10} ){0,2}PRIVATE KEY-----[A-Za-z0-9+/=\s]{1,8000}"
    r"(?:-----END (?:[A-Z]{2,10} ){0,2}PRIVATE KEY-----)?"
)
# Nearly every text holds nothing, and that has to be told quickly: its letters are sorted in one
# pass, and what every number and every key holds is looked for in what is left.
# A card, address or phone: a digit and five more letters of those that stand in numbers. Digits of
# other scripts have no byte of their own, so that texts beyond ASCII are walked through.
_NUMBERS_BEYOND_ASCII = re.compile(r"\d[\d .()/-]{5}")
_NUMBERS = re.compile(rb"0[0 ]{5}")
_NUMBER_LETTERS = bytes(
    ord("0") if chr(code) in "0123456789" else ord(" ") if chr(code) in " .()/-" else ord("x")
    for code in range(256)
)
# A key: thirteen letters of those that stand in keys (`eyJ` and ten more is the shortest).
_KEY_LETTERS = bytes(
    ord("k") if code < 128 and (chr(code).isalnum() or chr(code) in "_-") else ord(" ")
    for code in range(256)
)
_KEY_RUN = b"k" * 13
_GITHUB = re.compile(r"gh[pousr]_|github_pat_")
_MASKS = {kind: f"[{kind.value.upper()}]" for kind in Kind}


def luhn_valid(digits: str) -> bool:
    """Luhn's check (ISO/IEC 7812-1): every second digit from the right doubled, sum mod 10 = 0."""
    total = 0
    for position, digit in enumerate(reversed(digits)):
        value = int(digit)
        if position % 2:
            value = value * 2 - 9 if value > 4 else value * 2
        total += value
    return total % 10 == 0


def find_personal_data(text: str) -> list[Span]:
    """Spans in the order of the text, none overlapping another.

    A card has 13 to 19 digits and passes Luhn's check; four numbers up to 255 are an address.
    """
    found: list[Span] = []
    if "@" in text:
        found += _matches(_EMAIL, Kind.EMAIL, text)
    raw = text.encode("utf-8", "surrogatepass")
    if "-----BEGIN" in text or (_KEY_RUN in raw.translate(_KEY_LETTERS) and _may_hold_a_key(text)):
        found += _matches(_KEYS, Kind.SECRET_KEY, text)
    if _may_hold_a_number(text, raw):
        found += [
            Span(Kind.CREDIT_CARD, match.start(), match.end())
            for match in _DIGITS.finditer(text)
            if _is_card(match.group())
        ]
        found += [
            Span(Kind.IPV4, match.start(), match.end())
            for match in _IPV4.finditer(text)
            if _is_address(match.group())
        ]
        found += [
            Span(Kind.PHONE, match.start(), match.end())
            for match in _PHONE.finditer(text)
            if 7 <= sum(letter.isdigit() for letter in match.group()) <= 15
        ]
    return _without_overlaps(found) if len(found) > 1 else found


def _may_hold_a_key(text: str) -> bool:
    return (
        "sk-" in text
        or "hf_" in text
        or "xox" in text
        or "AKIA" in text
        or "ASIA" in text
        or "AIza" in text
        or "eyJ" in text
        or "glpat-" in text
        or ("gh" in text and "_" in text and _GITHUB.search(text) is not None)
    )


def _may_hold_a_number(text: str, raw: bytes) -> bool:
    if text.isascii():
        return _NUMBERS.search(raw.translate(_NUMBER_LETTERS)) is not None
    return _NUMBERS_BEYOND_ASCII.search(text) is not None


def _matches(pattern: re.Pattern[str], kind: Kind, text: str) -> list[Span]:
    return [Span(kind, match.start(), match.end()) for match in pattern.finditer(text)]


def _is_card(found: str) -> bool:
    digits = found.replace(" ", "").replace("-", "")
    return len(set(digits)) > 1 and luhn_valid(digits)


def _is_address(found: str) -> bool:
    try:
        return bool(ipaddress.IPv4Address(found))
    except ValueError:
        return False


def _without_overlaps(found: list[Span]) -> list[Span]:
    """Of two that overlap the longer one is what the writer meant: a card, not a phone in it."""
    kept: list[Span] = []
    for span in sorted(found, key=lambda item: (item.start - item.end, item.start)):
        if all(span.end <= other.start or other.end <= span.start for other in kept):
            kept.append(span)
    return sorted(kept, key=lambda item: item.start)


def mask_personal_data(text: str, spans: list[Span] | None = None) -> str:
    """The text with each span replaced by its kind in brackets; masking twice changes nothing.

    A mask can free what stood right beside it, so that the text is searched until nothing is left.
    """
    while spans or (spans is None and (spans := find_personal_data(text))):
        text = _masked(text, spans)
        spans = None
    return text


def _masked(text: str, spans: list[Span]) -> str:
    parts = []
    last = 0
    for span in spans:
        parts += [text[last : span.start], _MASKS[span.kind]]
        last = span.end
    parts.append(text[last:])
    return "".join(parts)


def pseudonym(address: str, key: bytes) -> str:
    """A keyed HMAC-SHA256 of an address, 64 hexadecimal digits.

    A plain hash of an IPv4 address is undone by hashing all 2**32 of them; a keyed one is not as
    long as the key is kept. Raises ValueError for a key shorter than 16 bytes.
    """
    if len(key) < 16:
        raise ValueError(f"The key has {len(key)} bytes; a pseudonym needs at least 16.")
    return hmac.new(key, address.strip().lower().encode(), hashlib.sha256).hexdigest()
