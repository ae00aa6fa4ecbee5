"""Cleaning scraped conversations: the rules of FastChat's data pipeline, with a reason for each.

Source: lm-sys/FastChat, fastchat/data (clean_sharegpt, optional_clean, optional_replace).
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import IntEnum

from annotation.domain.html_markdown import HtmlRefused, html_to_markdown, looks_like_html

HUMAN, GPT = "human", "gpt"
Turn = tuple[str, str]  # role (human or gpt; any other counts as out of order), text

SHORTEST = 16  # characters of a whole conversation
BLOCKED_WORDS = ("openai", "chatgpt")
BLOCKED_ANSWERS = ("Too many requests in 1 hour", "!Too many requests in 1 hour")

_ANY_TAG = re.compile(r"</?[a-zA-Z][a-zA-Z0-9]*\b[^<>]*>")
_ENTITY = re.compile(r"&(?:[a-zA-Z]{2,8}|#\d{1,6}|#x[0-9a-fA-F]{1,5});")
# What chat pages leave in the text: "2 / 3" before a regenerated answer, the word count below it,
# and the caption of a code block's copy button.
_REGENERATED = re.compile(r"\d+ / \d+")
_COUNTED = re.compile(r"Copy\d+ chars / \d+ words")
_CAPTION = re.compile(r"```[ \t]*\n?[ \t]*([^\n`]{0,40}?)(?:Copy code)+[ \t]*\n?(?=\s*[^`\s])")
_EMPTY_BLOCK = re.compile(r"```[^\n`]{0,80}Copy code\s{0,80}```")

_SAME_DIGIT_NINE_TIMES = re.compile(r"(\d)\1{8}")
_LIST_RESTARTS = re.compile(r"\n1\. [^2]*\n1\. ")


class Code(IntEnum):
    """What became of a conversation."""

    OK = 0
    TOO_SHORT = 1  # at most one turn after trimming, or fewer than SHORTEST characters
    WRONG_FORMAT = 2  # human and gpt do not take turns
    BLOCKED = 3  # names a vendor, or the answer is an error page
    PARSER_ERROR = 4  # the HTML cannot be converted


@dataclass(frozen=True)
class Cleaned:
    """One conversation after cleaning; `turns` is empty unless the code is OK."""

    code: Code
    turns: tuple[Turn, ...] = ()


def clean_conversation(turns: Sequence[Turn], *, html: bool | None = None) -> Cleaned:
    """Trim to whole rounds, convert HTML to Markdown, and refuse what teaches nothing.

    A first turn that is not the human's and a last one that is are dropped; reading stops at the
    first turn that is empty after conversion; an odd last turn is dropped. `html`: True converts
    every text with tags or entities, False none, None those that look like a page's markup.
    """
    turns = _trimmed(turns)
    if len(turns) <= 1:
        return Cleaned(Code.TOO_SHORT)
    kept: list[Turn] = []
    characters = 0
    for position, (role, text) in enumerate(turns):
        if role != (HUMAN, GPT)[position % 2]:
            return Cleaned(Code.WRONG_FORMAT)
        if is_blocked(role, text):
            return Cleaned(Code.BLOCKED)
        try:
            converted = clean_text(text, html=html)
        except HtmlRefused:
            return Cleaned(Code.PARSER_ERROR)
        if not converted or not converted[0].isprintable():
            break
        characters += len(converted)
        kept.append((role, converted))
    whole = len(kept) // 2 * 2
    if characters < SHORTEST or not whole:
        return Cleaned(Code.TOO_SHORT)
    return Cleaned(Code.OK, tuple(kept[:whole]))


def _trimmed(turns: Sequence[Turn]) -> Sequence[Turn]:
    if len(turns) > 1 and turns[0][0] != HUMAN:
        turns = turns[1:]
    if len(turns) > 1 and turns[-1][0] == HUMAN:
        turns = turns[:-1]
    return turns


def is_blocked(role: str, text: str) -> bool:
    """Whether a turn names a vendor, or is the page that answers too many requests."""
    lowered = text.lower()
    if any(word in lowered for word in BLOCKED_WORDS):
        return True
    return role == GPT and text.startswith(BLOCKED_ANSWERS)


def clean_text(text: str, *, html: bool | None = None) -> str:
    """One turn's text as Markdown, without what the page added. Raises HtmlRefused."""
    if html or (html is None and looks_like_html(text)):
        marked = _ANY_TAG.search(text) is not None or _ENTITY.search(text) is not None
        text = html_to_markdown(text) if marked else text.strip()
    text = _EMPTY_BLOCK.sub("", text)
    text = _CAPTION.sub(lambda match: f"```{match.group(1).strip()}\n", text)
    noise = _REGENERATED.match(text)
    if noise:
        text = text[noise.end() :]
    return _COUNTED.sub("", text).strip()


def repeats_a_digit(text: str) -> bool:
    """Nine times the same digit in a row, or more: a table or a loop of the model, not language."""
    return _SAME_DIGIT_NINE_TIMES.search(text) is not None


def restarts_its_list(text: str) -> bool:
    """A numbered list whose second item is numbered 1 again."""
    return _LIST_RESTARTS.search(text) is not None


def break_special_token(text: str, token: str) -> str:
    """`text` with a tokenizer's special token broken up, so that it is read as letters.

    "<s>" becomes "<|s|>", "[]" becomes "[|]", a token of one letter a space.
    Raises ValueError for an empty token.
    """
    if not token:
        raise ValueError("The special token is empty; it would stand between all letters.")
    if len(token) == 1:
        broken = " "
    elif len(token) == 2:
        broken = f"{token[0]}|{token[1]}"
    else:
        broken = f"{token[0]}|{token[1:-1]}|{token[-1]}"
    return text.replace(token, broken)


@dataclass
class CleaningReport:
    """How many conversations were kept, and how many were dropped for which reason."""

    seen: int = 0
    kept: int = 0
    dropped: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class CleaningRules:
    """Which of the optional rules are applied, and the special tokens that are broken up."""

    html: bool | None = None
    drop_repeated_digits: bool = True
    drop_restarted_lists: bool = True
    special_tokens: tuple[str, ...] = ()


def clean_by(rules: CleaningRules, conversation: Sequence[Turn]) -> tuple[tuple[Turn, ...], str]:
    """One conversation's turns after cleaning, and why it is dropped ("" when it is kept)."""
    cleaned = clean_conversation(conversation, html=rules.html)
    if cleaned.code:
        return (), cleaned.code.name.lower()
    texts = [text for _, text in cleaned.turns]
    if rules.drop_repeated_digits and any(map(repeats_a_digit, texts)):
        return (), "repeated_digits"
    if rules.drop_restarted_lists and any(map(restarts_its_list, texts)):
        return (), "restarted_list"
    return cleaned.turns, ""


def clean_all(
    conversations: Iterable[Sequence[Turn]],
    rules: CleaningRules | None = None,
) -> tuple[list[tuple[Turn, ...]], CleaningReport]:
    """Clean many conversations in the order of the reference pipeline, counting every loss."""
    rules = rules or CleaningRules()
    report = CleaningReport()
    kept = []
    for conversation in conversations:
        report.seen += 1
        turns, reason = clean_by(rules, conversation)
        if reason:
            report.dropped[reason] += 1
            continue
        report.kept += 1
        for token in rules.special_tokens:
            turns = tuple((role, break_special_token(text, token)) for role, text in turns)
        kept.append(turns)
    return kept, report
