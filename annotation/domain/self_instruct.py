"""Self-instruct: what is asked of the model, and which of its words are kept.

Source: arXiv:2212.10560; yizhongw/self-instruct, bootstrap_instructions.py and
prepare_for_finetuning.py. The quirks are theirs and are kept, since published sets have them.
"""

import re
import string
from collections.abc import Sequence
from typing import NamedTuple

from annotation.domain.text_similarity import is_beyond_latin

LENGTH = "length"  # the finish reason of a text that was cut off
INSTANCES_A_TASK = 5

OPENING = "Come up with a series of tasks:"
OPENING_OF_CLASSES = (
    "Come up with a series of classification tasks. "
    "Try to specify the possible output labels when possible."
)
CUT_OFF = "cut off"
LETTERS_OF_A_WORD = 2  # where words are not parted by spaces, roughly
_NUMBER = re.compile(r"\d+\s?\. ")
_NUMBERS = re.compile(r"\n\s*(\d+\s?\. )(?:\d+\s?\. )*")
_NEXT_NUMBER = re.compile(r"\n\d+\s?\. ")
_SPACE = re.compile(r"\s+")
# A model without eyes or hands cannot do these.
_UNSUITABLE = re.compile(
    r"\b(?:images?|graphs?|pictures?|files?|maps?|draw|plot|go to)\b", re.IGNORECASE
)
_EXAMPLE = re.compile(r"Example\s?\d*\.?")
_OUTPUT = re.compile(r"Output\s*\d*\s*:")
_INPUT = re.compile(r"Input\s*\d*\s*:")
_LABEL = "Class label:"


class Instance(NamedTuple):
    instruction: str
    input: str
    output: str


class Examined(NamedTuple):
    """What a model wrote, and the filter's reason against it, or "" when it may be used."""

    text: str
    reason: str


class ExaminedInstance(NamedTuple):
    instance: Instance
    reason: str


def encode_prompt(
    instructions: Sequence[str], *, classification: bool = False, opening: str = ""
) -> str:
    """The numbered list of examples that a model is asked to continue.

    opening: the line above the list, where it is not the paper's.
    """
    lines = []
    for number, instruction in enumerate(instructions, start=1):
        plain = _SPACE.sub(" ", instruction).strip().rstrip(":")
        lines.append(f"{number}. {plain}\n")
    first = opening or (OPENING_OF_CLASSES if classification else OPENING)
    return f"{first}\n{''.join(lines)}{len(instructions) + 1}."


def filter_instructions(text: str, finish_reason: str) -> list[str]:
    """The usable instructions of one continuation; none when it was stopped by its length."""
    return [found.text for found in examine_instructions(text, finish_reason) if not found.reason]


def examine_instructions(
    text: str, finish_reason: str, *, other_scripts: bool = False
) -> list[Examined]:
    """Every instruction of one continuation in its order, with the reason against it.

    other_scripts: letters beyond ASCII are no reason.
    """
    parts = _NEXT_NUMBER.split(text)
    found = [_SPACE.sub(" ", part).strip().capitalize() for part in parts]
    if finish_reason == LENGTH:
        return [Examined(each, CUT_OFF) for each in found if each]
    return [Examined(each, why_unusable(each, other_scripts=other_scripts)) for each in found]


def tidied_list(text: str) -> str:
    """A continuation as a base model writes it. Chat models repeat the number that it was to go on
    from, or number each line twice."""
    once = _NUMBERS.sub(r"\n\1", "\n" + text.lstrip())
    opening = _NUMBER.match(once.lstrip())
    return once.lstrip()[opening.end() :] if opening else text


def why_unusable(instruction: str, *, other_scripts: bool = False) -> str:
    """The filter's reason against an instruction, or "" when it may be used."""
    beyond = other_scripts and is_beyond_latin(instruction)
    words = len(instruction.split())
    if beyond:  # many of these scripts put no space between words
        words = max(words, sum(map(str.isalpha, instruction)) // LETTERS_OF_A_WORD)
    if not instruction:
        return "empty"
    if words <= 3:
        return "too short"
    if words > 150:
        return "too long"
    if _UNSUITABLE.search(instruction):
        return "needs more than text"
    if instruction.startswith("Write a program"):
        return "asks for a program"
    if instruction[0] in string.punctuation:
        return "starts with punctuation"
    if instruction[0].isascii() or other_scripts:
        return ""
    return "starts with a letter beyond ASCII"


def parse_instances(
    raw: str, instruction: str, *, is_classification: bool, finish_reason: str = "stop"
) -> list[Instance]:
    """The instances of a task in one continuation, in their order, each once.

    Input-first for generation ("Example 1 Input: .. Output: .."), output-first for classification
    ("Class label: .."). A text cut off by its length loses its last instance. Dropped are: an
    empty output, input equal to output, either ending with ":"; and all of them when one
    non-empty input has two different outputs.
    """
    examined = examine_instances(
        raw, instruction, is_classification=is_classification, finish_reason=finish_reason
    )
    return [found.instance for found in examined if not found.reason]


def examine_instances(
    raw: str, instruction: str, *, is_classification: bool, finish_reason: str = "stop"
) -> list[ExaminedInstance]:
    """Every instance of one continuation in its order, with the reason against it, or ""."""
    pairs = _classified(raw) if is_classification else _generated(raw.strip())
    whole = len(pairs) - 1 if finish_reason == LENGTH else len(pairs)
    reasons = [
        _why_no_instance(given, output) if at < whole else CUT_OFF
        for at, (given, output) in enumerate(pairs)
    ]
    outputs: dict[str, str] = {}
    conflict = False
    for (given, output), reason in zip(pairs, reasons, strict=True):
        if given and not reason:
            conflict = conflict or outputs.setdefault(given, output) != output
    examined = []
    seen: set[tuple[str, str]] = set()
    for pair, first in zip(pairs, reasons, strict=True):
        reason = first
        if not reason and conflict:
            reason = "one input has two outputs"
        elif not reason and pair in seen:
            reason = "said twice"
        if not reason:
            seen.add(pair)
        examined.append(ExaminedInstance(Instance(instruction.strip(), *pair), reason))
    return examined


def _why_no_instance(given: str, output: str) -> str:
    if not output:
        return "empty output"
    if given == output:
        return "input equals output"
    return "ends with a colon" if given.endswith(":") or output.endswith(":") else ""


def _generated(raw: str) -> list[tuple[str, str]]:
    if _EXAMPLE.search(raw):
        return [_input_and_output(part.strip()) for part in _EXAMPLE.split(raw) if part.strip()]
    return [_input_and_output(raw)] if _OUTPUT.search(raw) else []


def _input_and_output(text: str) -> tuple[str, str]:
    parts = _OUTPUT.split(text)
    given, output = (parts[0].strip(), parts[1].strip()) if len(parts) > 1 else ("", text.strip())
    output = _INPUT.split(output)[0].strip()  # a second pair was begun
    opening = _INPUT.match(given)
    return (given[opening.end() :].strip() if opening else given), output


def _classified(raw: str) -> list[tuple[str, str]]:
    pairs = []
    for part in raw.split(_LABEL)[1:]:
        label, _, given = part.strip().partition("\n")
        pairs.append((given.strip(), label.strip()))
    return pairs
