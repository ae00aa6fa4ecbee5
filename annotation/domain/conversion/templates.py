"""One template of a converted data set, in either of the two notations that the field has."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from annotation.domain.conversion import restricted_jinja
from annotation.domain.conversion.braces import ANSWER, OPTIONS, Converted, fill, options_suffix
from annotation.domain.conversion.values import as_text

BRACES, JINJA = "braces", "jinja"
SYNTAXES = (BRACES, JINJA)
_BETWEEN = "|||"  # promptsource: prompt ||| target, and one choice ||| another
_BARS_IN_DATA = "\ue000bars\ue001"  # private characters: three bars of a row part nothing


class LeftOut(ValueError):
    """A template made nothing of the row: promptsource's templates say so by an empty side."""


@dataclass(frozen=True)
class Template:
    """input and target: what is asked, and what should be answered.

    braces (FLAN): {field}, {answer} for the label's word, {options_} for the list of words.
    jinja (promptsource): the fields by name, and answer_choices; `choices` is the template that
    gives them, apart by |||. Without choices they are the words of the label map. Input and target
    are rendered as one, so that a condition may span both.
    A template whose target is a field and whose input holds {answer} asks for the record itself.
    """

    name: str
    input: str
    target: str = "{answer}"
    syntax: str = BRACES
    choices: str = ""

    def check(self) -> None:
        """Raises ValueError, which says what is wrong with the template."""
        if self.syntax not in SYNTAXES:
            raise ValueError(f"{self.syntax!r} is no notation; there are {', '.join(SYNTAXES)}.")
        if not self.input.strip() or not self.target.strip():
            raise ValueError("A template needs an instruction and an answer.")
        if self.syntax == JINJA:
            restricted_jinja.check(self._whole)
            restricted_jinja.check(self.choices)

    @property
    def _whole(self) -> str:
        return f"{self.input}{_BETWEEN}{self.target}"

    def fill(
        self,
        record: Mapping[str, Any],
        *,
        answer: str | None = None,
        words: Sequence[str] = (),
        with_options: bool = False,
        seed: str = "",
    ) -> Converted:
        """The filled template. answer: the label's word. words: all of them, for the options.

        seed: decides what `choice` takes. Raises LeftOut when a side is empty, ValueError when the
        template cannot be filled.
        """
        made = (
            self._fill_jinja(record, words, seed)
            if self.syntax == JINJA
            else self._fill_braces(record, answer, words)
        )
        if not made.input.strip() or not made.target.strip():
            raise LeftOut("the filled template or its answer is empty")
        if with_options:
            return Converted(made.input + options_suffix(words), made.target)
        return made

    def _fill_braces(
        self, record: Mapping[str, Any], answer: str | None, words: Sequence[str]
    ) -> Converted:
        values = {name: as_text(value) for name, value in record.items()}
        if answer is not None:
            values[ANSWER] = answer
        if words:
            values[OPTIONS] = options_suffix(words).lstrip("\n")
        return Converted(fill(self.input, values), fill(self.target, values))

    def _fill_jinja(self, record: Mapping[str, Any], words: Sequence[str], seed: str) -> Converted:
        values = {name: _without_bars(value) for name, value in record.items()}
        rendered = _Renderer(seed)
        choices = list(words)
        if self.choices:
            choices = [part.strip() for part in rendered(self.choices, values).split(_BETWEEN)]
        values["answer_choices"] = choices
        sides = [side.strip() for side in rendered(self._whole, values).split(_BETWEEN)]
        asked, target = [*sides, ""][:2]
        return Converted(*(side.replace(_BARS_IN_DATA, _BETWEEN) for side in (asked, target)))


class _Renderer:
    """Fills templates; what `choice` takes follows from the seed and the number of the choice."""

    def __init__(self, seed: str) -> None:
        self.seed = seed
        self.made = 0

    def __call__(self, source: str, values: Mapping[str, Any]) -> str:
        return restricted_jinja.render(source, values, self._choose)

    def _choose(self, items: list[Any]) -> Any:
        if not items:
            raise ValueError("there is nothing to choose from")
        self.made += 1
        return items[number_of(f"{self.seed}\0{self.made}") % len(items)]


def number_of(text: str) -> int:
    """A number that follows from the text alone, on any machine."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8])


def _without_bars(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace(_BETWEEN, _BARS_IN_DATA)
    if isinstance(value, list):
        return [_without_bars(item) for item in value]
    if isinstance(value, dict):
        return {key: _without_bars(item) for key, item in value.items()}
    return value
