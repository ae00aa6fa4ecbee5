"""The forms of the task editor: bring a task or begin one, and the task as a person edits it."""

import dataclasses
import json
from collections.abc import Iterator
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from annotation.domain.conversion.instruction_task import (
    LONGEST,
    Example,
    Instance,
    InstructionTask,
    task_from,
)

MOST_BYTES = 20_000_000
A_PAGE = 10  # instances that are edited at once
TEXTS = ("title", "definition", "emphasis", "avoid", "prompt")
EXAMPLE = ("input", "output", "explanation", "suggestion")
BETWEEN = "\n---\n"  # outputs of one instance, in its text area
PART_LABELS = {
    "title": gettext_lazy("Title"),
    "definition": gettext_lazy("Definition"),
    "emphasis": gettext_lazy("Emphasis & Caution"),
    "avoid": gettext_lazy("Things to Avoid"),
    "prompt": gettext_lazy("Prompt"),
    "positive": gettext_lazy("Positive examples"),
    "negative": gettext_lazy("Negative examples"),
    "reasons": gettext_lazy("Explanations and suggestions of examples"),
}


class BeginTaskForm(forms.Form):
    name = forms.CharField(
        label=gettext_lazy("Name"),
        max_length=100,
        help_text=gettext_lazy("The source of the prompts that are made of it."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    file = forms.FileField(
        label=gettext_lazy("File"),
        required=False,
        help_text=gettext_lazy(
            "A task of Natural Instructions as JSON, of version 1 or 2. Empty: an empty task."
        ),
    )
    licence = forms.CharField(label=gettext_lazy("Licence"), max_length=100, required=False)

    def clean_file(self) -> Any:
        file = self.cleaned_data["file"]
        self.content = InstructionTask()
        if file is None:
            return file
        if file.size > MOST_BYTES:
            raise forms.ValidationError(_("The file is larger than 20 MB."))
        self.content = content_of(file.read())
        return file


def content_of(data: bytes) -> InstructionTask:
    """The task of a JSON file.

    Raises:
        ValidationError: it is none; the sentence names the field.
    """
    try:
        return task_from(json.loads(data))
    except RecursionError:
        raise forms.ValidationError(_("The file is nested too deeply.")) from None
    except ValueError as error:
        raise forms.ValidationError(str(error)) from None


class TaskForm(forms.Form):
    """A task with one more example of each side, and a page of its instances with one more."""

    def __init__(self, task: InstructionTask, data: Any = None, *, first: int = 0, **given: Any):
        super().__init__(data, **given)
        self.task, self.first = task, first
        for name in TEXTS:
            rows = 1 if name == "title" else 3
            self._text(name, getattr(task, name), PART_LABELS[name], rows)
        for side in ("positive", "negative"):
            examples: tuple[Example, ...] = (*getattr(task, side), Example("", ""))
            for number in range(self._count(side, len(examples))):
                shown = examples[number] if number < len(examples) else Example("", "")
                for part in EXAMPLE:
                    self._text(f"{side}_{number}_{part}", getattr(shown, part), _LABELS[part], 2)
        self.page = task.instances[first : first + A_PAGE]
        more = (
            (*self.page, Instance("", ())) if first + A_PAGE >= len(task.instances) else self.page
        )
        self.shown_instances = len(more)
        for number, instance in enumerate(more):
            self._text(f"instance_{number}_input", instance.input, _("Input"), 2)
            self._text(
                f"instance_{number}_outputs", BETWEEN.join(instance.outputs), _("Answers"), 2
            )
        self.fields["parts"] = forms.MultipleChoiceField(
            label=_("Parts that are written"),
            choices=list(PART_LABELS.items()),
            required=False,
            widget=forms.CheckboxSelectMultiple,
        )
        self.fields["shots"] = forms.IntegerField(
            label=_("Examples of each side, at most"), min_value=0, max_value=20
        )

    def _count(self, side: str, there: int) -> int:
        if not self.is_bound:
            return there
        given = str(self.data.get(f"{side}_count", ""))
        return min(int(given), 101) if given.isascii() and given.isdigit() else there

    def _text(self, name: str, initial: str, label: Any, rows: int) -> None:
        self.fields[name] = forms.CharField(
            label=label,
            initial=initial,
            required=False,
            max_length=LONGEST,
            strip=False,
            widget=forms.Textarea(attrs={"rows": rows, "spellcheck": "false"}),
        )

    def texts(self) -> list[forms.BoundField]:
        return [self[name] for name in TEXTS]

    def sides(self) -> Iterator[dict[str, Any]]:
        """Both sides with their examples, each a list of its fields."""
        for side in ("positive", "negative"):
            parts = EXAMPLE if side == "negative" else EXAMPLE[:3]
            count = sum(
                name.startswith(f"{side}_") and name.endswith("_input") for name in self.fields
            )
            rows = [[self[f"{side}_{number}_{part}"] for part in parts] for number in range(count)]
            yield {"name": side, "label": PART_LABELS[side], "rows": rows, "count": count}

    def instance_rows(self) -> list[dict[str, Any]]:
        return [
            {
                "number": self.first + number + 1,
                "fields": [self[f"instance_{number}_{part}"] for part in ("input", "outputs")],
            }
            for number in range(self.shown_instances)
        ]

    def clean(self) -> dict[str, Any]:
        given = super().clean() or self.cleaned_data
        if self.errors:
            return given
        # A browser ends the lines of a text area by two characters.
        plain: dict[str, Any] = {
            name: value.replace("\r\n", "\n") if isinstance(value, str) else value
            for name, value in given.items()
        }
        for name in TEXTS:
            plain[name] = plain[name].strip()
        here = list(self._instances(plain))
        before, after = (
            self.task.instances[: self.first],
            self.task.instances[self.first + A_PAGE :],
        )
        texts: dict[str, Any] = {name: plain[name] for name in TEXTS}
        self.content = dataclasses.replace(
            self.task,
            **texts,
            positive=tuple(self._examples("positive", plain)),
            negative=tuple(self._examples("negative", plain)),
            instances=(*before, *here, *after),
        )
        return given

    def _examples(self, side: str, plain: dict[str, Any]) -> Iterator[Example]:
        """Those with an input or an output: emptying both takes one out."""
        number = 0
        while f"{side}_{number}_input" in self.fields:
            texts = {part: plain[f"{side}_{number}_{part}"].strip() for part in EXAMPLE}
            if texts["input"] or texts["output"]:
                yield Example(**texts)
            number += 1

    def _instances(self, plain: dict[str, Any]) -> Iterator[Instance]:
        for number in range(self.shown_instances):
            question = plain[f"instance_{number}_input"]
            outputs = plain[f"instance_{number}_outputs"].split(BETWEEN)
            kept = tuple(text.strip("\n") for text in outputs if text.strip())
            known = self.page[number].id if number < len(self.page) else ""
            if kept:
                yield Instance(question, kept, known)
            elif question.strip():
                self.add_error(f"instance_{number}_outputs", _("Write its answer, or empty both."))


_LABELS = {
    "input": gettext_lazy("Input"),
    "output": gettext_lazy("Output"),
    "explanation": gettext_lazy("Explanation"),
    "suggestion": gettext_lazy("Suggestion"),
}
