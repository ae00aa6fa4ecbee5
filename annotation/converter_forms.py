"""The forms of the converter: a labelled data set, and the recipe that makes instructions of it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from annotation.domain.conversion.recipes import ALL, ONE, Recipe, recipe_from
from annotation.domain.conversion.tasks import TASKS
from annotation.domain.conversion.template_files import read_templates
from annotation.domain.conversion.templates import BRACES, JINJA, Template
from annotation.import_forms import UploadForm

FIELD, TEMPLATE = "field_", "template_"
PARTS = ("name", "syntax", "input", "target", "choices")
OWN_TASK = ("", gettext_lazy("Something else: my templates name the columns"))


class DataSetForm(UploadForm):
    """A file, and what kind of data it holds."""

    task = forms.ChoiceField(
        label=gettext_lazy("What it holds"),
        required=False,
        help_text=gettext_lazy("Brings columns and first templates; all can be changed."),
    )
    field_order = ("task", "file", "licence")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _choose(self.fields["task"], [*((name, TASKS[name].title) for name in TASKS), OWN_TASK])

    def chosen(self) -> dict[str, Any]:
        """The plan of the first look."""
        return super().chosen() | plan_for(self.cleaned_data["task"])


class TemplatesForm(forms.Form):
    """A file of templates to take over."""

    templates = forms.FileField(
        label=gettext_lazy("File"),
        help_text=gettext_lazy(
            "FLAN’s templates.py (or as JSON), promptsource’s templates.yaml (or as JSON), or one "
            "saved here. Nothing in it is run."
        ),
    )
    dataset = forms.CharField(
        label=gettext_lazy("Data set"),
        required=False,
        max_length=200,
        help_text=gettext_lazy("Its name in the file, when the file has several: rte, glue/sst2."),
    )
    found: list[Template]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if self.errors:
            return cleaned
        try:
            files = read_templates(cleaned["templates"].read())
        except ValueError as error:
            self.add_error("templates", str(error))
            return cleaned
        name = cleaned["dataset"].strip() or (next(iter(files)) if len(files) == 1 else "")
        if name not in files:
            listed = ", ".join(sorted(filter(None, files))[:60])
            sentence = _("The file has templates for several data sets. Name one of: %(names)s.")
            self.add_error("dataset", sentence % {"names": listed})
            return cleaned
        self.found = files[name]
        return cleaned


def plan_for(task: str) -> dict[str, Any]:
    """A plan with the task's own templates, and with no words for labels: the data set has them."""
    recipe = Recipe(TASKS[task].templates, task) if task else Recipe()
    return {"format": "labelled", "conversion": recipe.as_json()}


class RecipeForm(forms.Form):
    """A recipe as a person edits it. Its templates are fields of their own, as many as there are.

    report: of the last look through the file, with its columns and few_values.
    """

    label_field = forms.ChoiceField(label=gettext_lazy("Column of the label"), required=False)
    answers = forms.CharField(
        label=gettext_lazy("Words of the labels"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 4, "spellcheck": "false", "class": "mono"}),
        help_text=gettext_lazy(
            "One per line, label = word: 0 = yes. They belong to this data set: others number the "
            "same labels otherwise. A label without a word is refused. Empty: the label itself."
        ),
    )
    with_options = forms.BooleanField(
        label=gettext_lazy("End each instruction with the list of words"), required=False
    )
    each_row = forms.ChoiceField(
        label=gettext_lazy("Each row is asked by"),
        widget=forms.RadioSelect,
        choices=[
            (ONE, gettext_lazy("one template, which follows from the seed and the row")),
            (ALL, gettext_lazy("every template")),
        ],
    )
    seed = forms.IntegerField(label=gettext_lazy("Seed"), min_value=0, max_value=2**31 - 1)
    count = forms.IntegerField(widget=forms.HiddenInput, min_value=0, max_value=100, required=False)
    recipe: Recipe

    def __init__(
        self, data: Any = None, *, task: str, report: Mapping[str, Any], **kwargs: Any
    ) -> None:
        super().__init__(data, **kwargs)
        self.task = task
        columns = list(report.get("columns", ()))
        blank = [("", "–")]
        named = [(column, column) for column in columns]
        _choose(self.fields["label_field"], blank + named)
        for name in self._mapped():
            self.fields[FIELD + name] = forms.ChoiceField(
                label=name, required=False, choices=blank + named
            )
        self.templates = self._count()
        for number in range(self.templates):
            for part, field in _template_fields():
                self.fields[f"{TEMPLATE}{number}_{part}"] = field

    def _mapped(self) -> list[str]:
        return [name for name in TASKS[self.task].fields if name != "label"] if self.task else []

    def _count(self) -> int:
        """How many templates the form has: those of the person, and one more to fill in."""
        if not self.is_bound:
            return int(self.initial.get("count", 0)) + 1
        given = str(self.data.get("count", ""))
        return min(int(given), 100) if given.isascii() and given.isdigit() else 1

    def columns(self) -> list[forms.BoundField]:
        return [self[FIELD + name] for name in self._mapped()]

    def template_rows(self) -> Iterator[dict[str, Any]]:
        for number in range(self.templates):
            fields = {part: self[f"{TEMPLATE}{number}_{part}"] for part in PARTS}
            yield fields | {"number": number + 1, "filled": bool(fields["input"].value())}

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if self.errors:
            return cleaned
        given = {
            "task": self.task,
            "columns": {n: c for n in self._mapped() if (c := cleaned[FIELD + n]) and c != n},
            "label_field": cleaned["label_field"] or "label",
            "answers": self._words(cleaned["answers"]),
            "with_options": cleaned["with_options"],
            "each_row": cleaned["each_row"],
            "seed": cleaned["seed"],
            "templates": list(self._templates(cleaned)),
        }
        if self.errors:
            return cleaned
        try:
            self.recipe = recipe_from(given)
        except ValueError as error:
            self.add_error(None, str(error))
        return cleaned

    def _templates(self, cleaned: Mapping[str, Any]) -> Iterator[dict[str, str]]:
        """Those with an instruction: emptying it takes a template out."""
        for number in range(self.templates):
            # A browser ends the lines of a text area by two characters.
            parts = {
                part: cleaned[f"{TEMPLATE}{number}_{part}"].replace("\r\n", "\n") for part in PARTS
            }
            if not parts["input"].strip():
                continue
            parts["name"] = parts["name"] or _("template %(number)d") % {"number": number + 1}
            parts["target"] = parts["target"] or "{answer}"
            template = Template(**parts)
            try:
                template.check()
            except ValueError as error:
                self.add_error(f"{TEMPLATE}{number}_input", str(error))
            yield parts

    def _words(self, text: str) -> dict[str, str]:
        found = {}
        for number, line in enumerate(text.splitlines(), start=1):
            label, equals, word = (part.strip() for part in line.partition("="))
            if not line.strip():
                continue
            if not equals or not word:
                sentence = _("Line %(number)d gives the label %(label)s no word: label = word.")
                self.add_error("answers", sentence % {"number": number, "label": label or "“”"})
            found[label] = word
        return found


def initial_of(recipe: Recipe, report: Mapping[str, Any]) -> dict[str, Any]:
    """A recipe as the form shows it, with what the file itself suggests where nothing is said."""
    columns: Sequence[str] = report.get("columns", ())
    usual = TASKS[recipe.task].columns(columns) if recipe.task else {}
    label = recipe.label_field
    if label not in columns:
        label = usual.get("label", "")
    shown: dict[str, Any] = {
        "label_field": label,
        "with_options": recipe.with_options,
        "each_row": recipe.each_row,
        "seed": recipe.seed,
        "count": len(recipe.templates),
        "answers": "\n".join(f"{label} = {word}" for label, word in recipe.answers.items()),
    }
    if not recipe.answers and label in report.get("few_values", {}):
        shown["answers"] = "\n".join(f"{value} = " for value in report["few_values"][label])
    for name, column in {**usual, **recipe.columns}.items():
        shown[FIELD + name] = column
    for number, template in enumerate(recipe.templates):
        for part, text in asdict(template).items():
            shown[f"{TEMPLATE}{number}_{part}"] = text
    return shown


def _template_fields() -> Iterator[tuple[str, forms.Field]]:
    area = {"rows": 3, "spellcheck": "false"}
    yield "name", forms.CharField(label=_("Name"), required=False, max_length=200)
    syntaxes = [(BRACES, _("{field}, as FLAN")), (JINJA, _("{{ field }}, as promptsource"))]
    yield "syntax", forms.ChoiceField(label=_("Notation"), choices=syntaxes, initial=BRACES)
    yield (
        "input",
        forms.CharField(
            label=_("Instruction"),
            required=False,
            max_length=10_000,
            strip=False,
            widget=forms.Textarea(attrs=area),
        ),
    )
    yield (
        "target",
        forms.CharField(
            label=_("Answer"),
            required=False,
            max_length=10_000,
            strip=False,
            widget=forms.Textarea(attrs=area | {"rows": 1}),
            help_text=_("{answer} is the label’s word. A column here asks for the row itself."),
        ),
    )
    yield (
        "choices",
        forms.CharField(
            label=_("Choices"),
            required=False,
            max_length=10_000,
            help_text=_("Of promptsource’s notation: bad ||| good."),
        ),
    )


def _choose(field: forms.Field, choices: list[tuple[str, Any]]) -> None:
    assert isinstance(field, forms.ChoiceField)
    field.choices = choices
