"""The prompts of an on-policy run: read, tokenised once, and dealt in an order of their own."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy

from training.trainers.data import PromptRow, Text, plain_text
from training.trainers.outcome import BadInput
from training.trainers.tokenising import Texts

_ORDER_STREAM = 7919  # keeps the order of prompts apart from the draws of answers


@dataclass(frozen=True)
class Prompt:
    """`source` as the file has it (a text or a chat), `ids` as the model reads it."""

    source: Text
    ids: list[int]

    @property
    def plain(self) -> Any:
        """The source as JSON can hold it."""
        return plain_text(self.source)


def tokenize_prompts(rows: Sequence[PromptRow], texts: Texts, most_tokens: int) -> list[Prompt]:
    """Each prompt as token ids, up to where the answer begins.

    Raises BadInput, naming the first, for prompts that are empty or longer than `most_tokens`: a
    prompt cut short would ask something else.
    """
    found, problems = [], []
    for number, row in enumerate(rows, start=1):
        prompt = Prompt(row.prompt, texts.prompt(row.prompt))
        if not prompt.ids:
            problems.append(f"prompt {number} has no tokens.")
        elif len(prompt.ids) > most_tokens:
            problems.append(
                f"prompt {number} has {len(prompt.ids)} tokens, and {max(most_tokens, 0)} are left."
            )
        found.append(prompt)
    if problems:
        raise BadInput(
            f"{len(problems)} of {len(found)} prompts cannot be used; {problems[0]} Shorten or "
            "remove them, or raise training.max_length, which holds prompt and answer."
        )
    return found


class PromptOrder:
    """An endless order of `count` prompts: each pass is a permutation of its own, a function of
    (seed, pass) alone, so that a cursor is all that a checkpoint has to keep."""

    def __init__(self, count: int, seed: int) -> None:
        self.count, self.seed = count, seed
        self._pass, self._order = -1, numpy.empty(0, dtype=int)

    def take(self, cursor: int, number: int) -> list[int]:
        """The prompts at places cursor .. cursor + number - 1."""
        return [self._at(place) for place in range(cursor, cursor + number)]

    def _at(self, place: int) -> int:
        number, position = divmod(place, self.count)
        if number != self._pass:
            generator = numpy.random.default_rng([self.seed, _ORDER_STREAM, number])
            self._pass, self._order = number, generator.permutation(self.count)
        return int(self._order[position])
