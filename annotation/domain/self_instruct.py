"""Self-instruct: what is asked of the model, and which of its words are kept.

Source: arXiv:2212.10560; yizhongw/self-instruct, bootstrap_instructions.py and
prepare_for_finetuning.py. The quirks are theirs and are kept, since published sets have them.
"""

import re
import string
from collections.abc import Sequence
from typing import NamedTuple

LENGTH = "length"  # the finish reason of a text that was cut off
INSTANCES_A_TASK = 5

_OPENING = "Come up with a series of tasks:\n"
_OPENING_OF_CLASSES = (
    "Come up with a series of classification tasks. "
    "Try to specify the possible output labels when possible.\n"
)
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


def encode_prompt(instructions: Sequence[str], *, classification: bool = False) -> str:
    """The numbered list of examples that a model is asked to continue."""
    lines = []
    for number, instruction in enumerate(instructions, start=1):
        plain = _SPACE.sub(" ", instruction).strip().rstrip(":")
        lines.append(f"{number}. {plain}\n")
    opening = _OPENING_OF_CLASSES if classification else _OPENING
    return f"{opening}{''.join(lines)}{len(instructions) + 1}."


def filter_instructions(text: str, finish_reason: str) -> list[str]:
    """The usable instructions of one continuation; none when it was stopped by its length."""
    if finish_reason == LENGTH:
        return []
    found = (_SPACE.sub(" ", part).strip().capitalize() for part in _NEXT_NUMBER.split(text))
    return [instruction for instruction in found if why_unusable(instruction) == ""]


def why_unusable(instruction: str) -> str:
    """The filter's reason against an instruction, or "" when it may be used."""
    words = len(instruction.split())
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
    return "" if instruction[0].isascii() else "starts with a letter beyond ASCII"


def parse_instances(
    raw: str, instruction: str, *, is_classification: bool, finish_reason: str = "stop"
) -> list[Instance]:
    """The instances of a task in one continuation, in their order, each once.

    Input-first for generation ("Example 1 Input: .. Output: .."), output-first for classification
    ("Class label: .."). A text cut off by its length loses its last instance. Dropped are: an
    empty output, input equal to output, either ending with ":"; and all of them when one
    non-empty input has two different outputs.
    """
    pairs = _classified(raw) if is_classification else _generated(raw.strip())
    if finish_reason == LENGTH:
        pairs = pairs[:-1]
    valid = [(given, output) for given, output in pairs if _is_valid(given, output)]
    outputs: dict[str, str] = {}
    for given, output in valid:
        if given and outputs.setdefault(given, output) != output:
            return []
    return [Instance(instruction.strip(), *pair) for pair in dict.fromkeys(valid)]


def _is_valid(given: str, output: str) -> bool:
    return bool(output) and given != output and not given.endswith(":") and not output.endswith(":")


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
