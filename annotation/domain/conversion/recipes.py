"""How the rows of one data set become instructions: columns, words for labels, templates."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

from annotation.domain.conversion.braces import ANSWER, OPTIONS, Converted, fields_of
from annotation.domain.conversion.tasks import NO_ANSWER, TASKS, Task
from annotation.domain.conversion.templates import BRACES, JINJA, LeftOut, Template, number_of
from annotation.domain.conversion.values import as_label, as_text

ONE, ALL = "one", "all"
EACH_ROW = (ONE, ALL)
MOST_TEMPLATES, MOST_WORDS = 100, 500
LONGEST = 10_000  # characters of a template or a word


class Made(NamedTuple):
    """One instruction of a row, and the name of the template that made it."""

    template: str
    converted: Converted


@dataclass(frozen=True)
class Recipe:
    """columns: a template's field -> the file's column; a column is known by its own name too.

    answers: the label as text -> its word; "" is the label of a question without an answer. It
    belongs to one data set. Empty: the label is the word. each_row: every row takes one template,
    which follows from seed and row and not from the row's place, or all of them.
    """

    templates: tuple[Template, ...] = ()
    task: str = ""
    columns: Mapping[str, str] = field(default_factory=dict)
    answers: Mapping[str, str] = field(default_factory=dict)
    label_field: str = "label"
    with_options: bool = False
    each_row: str = ONE
    seed: int = 0

    def convert(self, record: Mapping[str, Any]) -> list[Made]:
        """The instructions of one record; with ALL, those of the templates that apply to it.

        Raises ValueError for an unknown label, for a field that the record does not have, and when
        no template makes anything of it.
        """
        values = self._named(record)
        answer = self._answer(values)
        words = list(dict.fromkeys(self.answers.values()))
        if self.label_field in values:
            values[self.label_field] = as_label(values[self.label_field])
        key = f"{self.seed}\0{json.dumps(record, sort_keys=True, default=str)}"
        chosen = self.templates
        if self.each_row == ONE and chosen:
            chosen = (chosen[number_of(key) % len(chosen)],)
        made, left_out = [], ""
        for template in chosen:
            needed = fields_of(template.input + template.target)
            if template.syntax == BRACES and answer is None and ANSWER in needed:
                self._refuse_missing_label(values)
            if OPTIONS in needed and not words:
                raise ValueError("The template lists {options_}, and no label has a word.")
            try:
                filled = template.fill(
                    values,
                    answer=answer,
                    words=words,
                    with_options=self.with_options,
                    seed=f"{key}\0{template.name}",
                )
            except LeftOut as error:
                left_out = str(error)
            else:
                made.append(Made(template.name, filled))
        if not made:
            raise ValueError(left_out or "There is no template.")
        return made

    def _named(self, record: Mapping[str, Any]) -> dict[str, Any]:
        values = dict(record)
        for name, column in self.columns.items():
            if column not in record:
                there = ", ".join(map(repr, record)) or "none"
                raise ValueError(f"The column {column!r} of {name} is not there; it has {there}.")
            values[name] = record[column]
        return values

    def _answer(self, values: Mapping[str, Any]) -> str | None:
        """The word for the record's label; None when there is no label."""
        known = self._task()
        if known is not None and known.answer is not None:
            found = known.answer(values)
            if not found and NO_ANSWER not in self.answers:
                raise ValueError("The question has no answer, and no label “” has a word for that.")
            return found or self.answers[NO_ANSWER]
        if self.label_field not in values:
            return None
        label = as_text(values[self.label_field])
        if not self.answers and any(template.syntax == JINJA for template in self.templates):
            self._refuse_negative(label)  # a negative number would take a choice from the end
        return self._word(label) if self.answers else label

    def _word(self, label: str) -> str:
        if label in self.answers:
            return self.answers[label]
        known = ", ".join(map(repr, self.answers))
        raise ValueError(f"The label {label!r} is not in the label map ({known}).")

    @staticmethod
    def _refuse_negative(label: str) -> None:
        if label.startswith("-"):
            raise ValueError(f"The label {label!r} says that the row has none.")

    def _refuse_missing_label(self, values: Mapping[str, Any]) -> None:
        there = ", ".join(map(repr, values)) or "none"
        raise ValueError(f"The record has no field {self.label_field!r}; it has {there}.")

    def _task(self) -> Task | None:
        return TASKS.get(self.task)

    def as_json(self) -> dict[str, Any]:
        """What `recipe_from` reads again."""
        return asdict(self) | {"templates": [asdict(template) for template in self.templates]}


def recipe_from(given: Any) -> Recipe:
    """A recipe of plain JSON. Raises ValueError: the field, and what is allowed in it."""
    if not isinstance(given, Mapping):
        raise ValueError("A recipe is an object with templates and what they need.")
    unknown = sorted(map(str, set(given) - set(Recipe.__dataclass_fields__)))
    if unknown:
        allowed = ", ".join(Recipe.__dataclass_fields__)
        raise ValueError(f"A recipe has no {unknown[0][:60]!r}; it has {allowed}.")
    recipe = Recipe(
        templates=_templates(given.get("templates", ())),
        task=_one_of("task", given.get("task", ""), ("", *TASKS)),
        columns=_texts("columns", given.get("columns", {})),
        answers=_texts("answers", given.get("answers", {}), empty_key=True),
        label_field=_text("label_field", given.get("label_field", "label")),
        with_options=_flag(given.get("with_options", False)),
        each_row=_one_of("each_row", given.get("each_row", ONE), EACH_ROW),
        seed=_seed(given.get("seed", 0)),
    )
    names = [template.name for template in recipe.templates]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ValueError(f"Two templates are called {twice!r}; give each a name of its own.")
    return recipe


def _templates(given: Any) -> tuple[Template, ...]:
    if not isinstance(given, (list, tuple)) or len(given) > MOST_TEMPLATES:
        raise ValueError(f"templates is a list of at most {MOST_TEMPLATES}.")
    made = []
    for number, one in enumerate(given, start=1):
        if not isinstance(one, Mapping) or not set(one) <= set(Template.__dataclass_fields__):
            allowed = ", ".join(Template.__dataclass_fields__)
            raise ValueError(f"Template {number} is no object of {allowed}.")
        texts = {key: _text(f"Template {number}: {key}", value) for key, value in one.items()}
        template = Template(**({"name": f"template {number}", "input": ""} | texts))
        try:
            template.check()
        except ValueError as error:
            raise ValueError(f"Template {number} ({template.name[:60]}): {error}") from None
        made.append(template)
    return tuple(made)


def _text(name: str, given: Any) -> str:
    if not isinstance(given, str) or len(given) > LONGEST or "\0" in given:
        raise ValueError(f"{name} is a text of at most {LONGEST} characters.")
    return given


def _texts(name: str, given: Any, *, empty_key: bool = False) -> dict[str, str]:
    if not isinstance(given, Mapping) or len(given) > MOST_WORDS:
        raise ValueError(f"{name} is an object of at most {MOST_WORDS} texts.")
    found = {_text(name, key): _text(name, value) for key, value in given.items()}
    if not all(found.values()) or (not empty_key and not all(found)):
        raise ValueError(f"{name} holds an empty text.")
    return found


def _one_of(name: str, given: Any, allowed: tuple[str, ...]) -> str:
    if given not in allowed:
        listed = ", ".join(filter(None, allowed))
        raise ValueError(f"{name} cannot be {str(given)[:60]!r}; there are {listed}.")
    return str(given)


def _flag(given: Any) -> bool:
    if not isinstance(given, bool):
        raise ValueError("with_options is true or false.")
    return given


def _seed(given: Any) -> int:
    if type(given) is not int or not 0 <= given < 2**31:
        raise ValueError("seed is a whole number from 0 to 2147483647.")
    return given
