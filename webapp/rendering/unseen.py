"""Characters that show nothing or turn the text around are kept, and shown by their name.

A model or an attacker can hide words with them, or show an annotator another order than the one
that is stored (Unicode TR 36 and 39; "Trojan Source", CVE-2021-42574).
"""

import re
import unicodedata
from collections.abc import Iterator

# Plain names: what most readers can look up. Everything else is shown by its code point.
_NAMES = {
    0x00AD: "SHY",
    0x200B: "ZWSP",
    0x200C: "ZWNJ",
    0x200D: "ZWJ",
    0x200E: "LRM",
    0x200F: "RLM",
    0x202A: "LRE",
    0x202B: "RLE",
    0x202C: "PDF",
    0x202D: "LRO",
    0x202E: "RLO",
    0x2060: "WJ",
    0x2066: "LRI",
    0x2067: "RLI",
    0x2068: "FSI",
    0x2069: "PDI",
    0xFEFF: "BOM",
}

# Control characters except tab, line feed and carriage return; format characters; blank letters;
# the tags block, which spells invisible ASCII; and variation selectors beyond the emoji ones.
_UNSEEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f"
    "\u200b-\u200f\u2028-\u202e\u2060-\u206f\u2800\u3164\ud800-\udfff\ufe00-\ufe0d\ufeff\uffa0\ufff0-\ufffb"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
# A joiner inside an emoji or between letters of a script that needs it is ordinary writing.
_JOINERS = {"\u200c", "\u200d"}


def has_unseen(text: str) -> bool:
    return next(split(text, marks_only=True), None) is not None


def split(text: str, *, marks_only: bool = False) -> Iterator[tuple[str, str]]:
    """Yield (kind, piece) in order: ("text", characters) and ("mark", the name to show)."""
    position = 0
    for found in _UNSEEN.finditer(text):
        start = found.start()
        if found[0] in _JOINERS and _is_ordinary_joiner(text, start):
            continue
        if start > position and not marks_only:
            yield "text", text[position:start]
        yield "mark", name(found[0])
        position = found.end()
    if position < len(text) and not marks_only:
        yield "text", text[position:]


def name(character: str) -> str:
    """U+202E is "RLO", a character without a common name is "U+2064"."""
    code = ord(character)
    return _NAMES.get(code, f"U+{code:04X}")


def _is_ordinary_joiner(text: str, position: int) -> bool:
    if not 0 < position < len(text) - 1:
        return False
    before, after = text[position - 1], text[position + 1]
    if _is_emoji(before) and _is_emoji(after):
        return True
    # Indic, Arabic and similar scripts: letters or vowel signs beyond Latin, Greek and Cyrillic.
    return all(
        ord(character) >= 0x0590 and unicodedata.category(character)[0] in "LM"
        for character in (before, after)
    )


def _is_emoji(character: str) -> bool:
    code = ord(character)
    return 0x1F000 <= code <= 0x1FAFF or 0x2600 <= code <= 0x27BF or code in (0xFE0F, 0x2B50)
