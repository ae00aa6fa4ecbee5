"""The forms of an import: the file, and everything that can be decided about it."""

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from annotation.imports.formats.registry import FORMATS
from annotation.imports.formats.table import FIELDS
from annotation.imports.plan import DEFAULTS, ImportPlan
from annotation.models import Split

YES_NO = [("", _("Tell it from the text")), ("yes", _("Yes")), ("no", _("No"))]
COLUMN = "column_"
MAPS = ("roles", "labels", "languages")
LISTS = ("tags", "special_tokens", "keep_languages", "skip_languages")


class UploadForm(forms.Form):
    file = forms.FileField(
        label=_("File"),
        help_text=_(
            ".json, .jsonl, .csv, .tsv or .parquet, each also .gz or .zst. Nothing is imported yet."
        ),
    )
    licence = forms.CharField(
        label=_("Licence"),
        required=False,
        max_length=100,
        help_text=_("Of rows that name none, for example CC-BY-4.0. It stays with each row."),
    )

    def chosen(self) -> dict[str, Any]:
        licence = self.cleaned_data["licence"]
        return {"licence": licence} if licence else {}


def _pairs(help_text: Any, label: Any) -> forms.CharField:
    return forms.CharField(
        label=label,
        required=False,
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false", "class": "mono"}),
        help_text=help_text,
    )


class PlanForm(forms.Form):
    """How the file is read. `columns` are the file's own, as the dry run saw them."""

    format = forms.ChoiceField(label=_("Format"), required=False)
    source = forms.CharField(
        label=_("Source"),
        required=False,
        max_length=200,
        help_text=_("What the rows say they come from. Empty: the file's name, or the data set's."),
    )
    licence = forms.CharField(label=_("Licence"), required=False, max_length=100)
    split = forms.ChoiceField(
        label=_("Split"),
        required=False,
        choices=[("", _("As the file says, else train")), *Split.choices],
    )
    tags = forms.CharField(
        label=_("Tags to add"), required=False, help_text=_("Separated by commas.")
    )
    use_case = forms.CharField(
        label=_("Use case"), required=False, max_length=60, help_text=_("Of rows that name none.")
    )
    all_or_nothing = forms.ChoiceField(
        label=_("When some rows are refused"),
        widget=forms.RadioSelect,
        required=False,
        choices=[
            ("", _("Take the good rows and list the others")),
            ("yes", _("Take nothing: all rows or none")),
        ],
    )
    mask = forms.BooleanField(
        label=_("Mask personal data"),
        required=False,
        help_text=_(
            "E-mail and IP addresses, phone and card numbers and keys become [EMAIL] and so on. "
            "They are flagged in any case."
        ),
    )
    html = forms.ChoiceField(label=_("Texts are HTML"), required=False, choices=YES_NO)
    roles = _pairs(_("One per line, as the file says = ours: assistent = assistant."), _("Roles"))
    labels = _pairs(
        _("One per line: A wins = left. Ours are left, right, tie and both_bad."), _("Verdicts")
    )
    languages = _pairs(
        _("One per line: Schwyzerdütsch = gsw. Usual English names are known."), _("Languages")
    )
    rank_best = forms.ChoiceField(
        label=_("The best rank is"),
        required=False,
        choices=[
            ("", _("As the format says")),
            ("lowest", _("The lowest number")),
            ("highest", _("The highest number")),
        ],
    )
    judged_by = forms.ChoiceField(
        label=_("Judgements were made by"),
        required=False,
        choices=[("", _("As the file says")), ("human", _("People")), ("judge", _("A model"))],
    )
    delimiter = forms.CharField(
        label=_("Between the fields of a table"), required=False, max_length=1, strip=False
    )
    header = forms.ChoiceField(
        label=_("The table's first line"),
        required=False,
        choices=[("", _("names the columns")), ("no", _("is data"))],
    )
    cleaning = forms.BooleanField(
        label=_("Clean scraped conversations"),
        required=False,
        help_text=_(
            "Trims to whole rounds, turns HTML into Markdown, removes what chat pages add, and "
            "leaves out error pages, texts of a vendor, and what comes twice. Each with its reason."
        ),
    )
    drop_repeated_digits = forms.BooleanField(
        label=_("… and leave out nine equal digits in a row"), required=False
    )
    drop_restarted_lists = forms.BooleanField(
        label=_("… and leave out lists that start again"), required=False
    )
    special_tokens = forms.CharField(
        label=_("Special tokens to break up"),
        required=False,
        help_text=_("Separated by spaces: <s> </s> <|im_end|>."),
    )
    keep_languages = forms.CharField(
        label=_("Only these languages"), required=False, help_text=_("Codes: en, de, pt-BR.")
    )
    skip_languages = forms.CharField(label=_("Not these languages"), required=False)
    split_tokens = forms.IntegerField(
        label=_("Split conversations longer than, in tokens"),
        required=False,
        min_value=16,
        max_value=10_000_000,
        help_text=_("About four characters to a token. Whole rounds stay together; none is lost."),
    )

    def __init__(self, *args: Any, columns: Sequence[str] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        formats = [(found.name, found.title) for found in FORMATS]
        choice = self.fields["format"]
        assert isinstance(choice, forms.ChoiceField)
        choice.choices = [("", _("Recognise it")), *sorted(formats, key=lambda pair: pair[1])]
        for ours in FIELDS if columns else ():
            self.fields[COLUMN + ours] = forms.ChoiceField(
                label=ours,
                required=False,
                choices=[("", "–"), *((column, column) for column in columns)],
            )

    def section(self, *names: str) -> list[forms.BoundField]:
        return [self[name] for name in names]

    def is_mapped(self) -> bool:
        """Whether something of the maps is filled in, or has to be: then they are shown open."""
        names = (*MAPS, "rank_best", "judged_by", "html", "delimiter", "header")
        return any(self[name].value() for name in names) or any(
            field.value() for field in self.columns()
        )

    def columns(self) -> list[forms.BoundField]:
        return [self[name] for name in self.fields if name.startswith(COLUMN)]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if self.errors:
            return cleaned
        plan = self._plan(cleaned)
        try:
            ImportPlan.from_json("", plan)
        except ValidationError as refused:
            for name, sentences in refused.message_dict.items():
                self.add_error(name if name in self.fields else None, sentences)
        cleaned["plan"] = plan
        return cleaned

    def _plan(self, cleaned: Mapping[str, Any]) -> dict[str, Any]:
        """The form's fields as a plan's; only what differs from the defaults."""
        plan: dict[str, Any] = {
            key: value
            for key, value in cleaned.items()
            if key in DEFAULTS and value not in (None, "")
        }
        plan["clean"] = bool(cleaned.get("cleaning"))
        plan["all_or_nothing"] = cleaned.get("all_or_nothing") == "yes"
        plan["header"] = cleaned.get("header") != "no"
        plan["html"] = {"yes": True, "no": False}.get(cleaned.get("html", ""))
        for name in MAPS:
            plan[name] = self._map(name, cleaned.get(name, ""))
        for name in LISTS:
            words = cleaned.get(name, "")
            words = words.split() if name == "special_tokens" else words.split(",")
            plan[name] = [word.strip() for word in words if word.strip()]
        plan["columns"] = {
            name.removeprefix(COLUMN): value
            for name, value in cleaned.items()
            if name.startswith(COLUMN) and value
        }
        return {key: value for key, value in plan.items() if value != DEFAULTS[key]}

    def _map(self, name: str, text: str) -> dict[str, str]:
        found = {}
        for number, line in enumerate(text.splitlines(), start=1):
            left, equals, right = (part.strip() for part in line.rpartition("="))
            if not line.strip():
                continue
            if not (equals and left and right):
                sentence = _("Line %(number)d is no pair. Write: as the file says = ours.")
                self.add_error(name, sentence % {"number": number})
                continue
            found[left] = right
        return found


def initial_of(plan: Mapping[str, Any]) -> dict[str, Any]:
    """A plan as the form shows it."""
    shown: dict[str, Any] = {**DEFAULTS, **plan}
    initial = {key: value for key, value in shown.items() if not isinstance(value, (dict, list))}
    initial["all_or_nothing"] = "yes" if shown["all_or_nothing"] else ""
    initial["cleaning"] = shown["clean"]
    initial["header"] = "" if shown["header"] else "no"
    initial["html"] = {True: "yes", False: "no"}.get(shown["html"], "")
    initial["split_tokens"] = shown["split_tokens"] or None
    for name in MAPS:
        initial[name] = "\n".join(f"{left} = {right}" for left, right in shown[name].items())
    for name in LISTS:
        initial[name] = (" " if name == "special_tokens" else ", ").join(shown[name])
    for ours, theirs in shown["columns"].items():
        initial[COLUMN + ours] = theirs
    return initial
