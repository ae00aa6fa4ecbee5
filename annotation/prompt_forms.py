"""The page on which a prompt is written by hand, and the small forms of curation."""

import json
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from annotation.domain.distribution_compare import USE_CASES
from annotation.models import Split


class NewPromptForm(forms.Form):
    system = forms.CharField(
        label=_("System message"),
        required=False,
        max_length=50_000,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 2}),
    )
    text = forms.CharField(
        label=_("Prompt"),
        max_length=100_000,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 8, "autofocus": True}),
        help_text=_("What the answer answers. Conversations of several turns come by an import."),
    )
    split = forms.ChoiceField(label=_("Split"), choices=Split.choices, initial=Split.TRAIN)
    use_case = forms.CharField(label=_("Use case"), required=False, max_length=60)
    tags = forms.CharField(
        label=_("Tags"), required=False, max_length=1000, help_text=_("Separated by commas")
    )
    language = forms.CharField(
        label=_("Language"), required=False, max_length=35, help_text=_("As in en or pt-BR")
    )
    source = forms.CharField(label=_("Source"), required=False, max_length=200)
    licence = forms.CharField(label=_("Licence"), required=False, max_length=100)

    def values(self) -> dict[str, Any]:
        cleaned = self.cleaned_data
        turns = [{"role": "user", "content": cleaned["text"]}]
        if cleaned["system"].strip():
            turns.insert(0, {"role": "system", "content": cleaned["system"]})
        return {
            "messages": turns,
            "tags": [tag for tag in cleaned["tags"].split(",") if tag.strip()],
            **{
                name: cleaned[name]
                for name in ("split", "use_case", "language", "source", "licence")
            },
        }


class DuplicatesForm(forms.Form):
    threshold = forms.FloatField(
        label=_("Alike from"),
        initial=0.7,
        min_value=0.5,
        max_value=1.0,
        widget=forms.NumberInput(attrs={"step": "0.05"}),
        help_text=_("Share of three-word runs that two prompts have in common: 0.5 to 1"),
    )


class UseCaseForm(forms.Form):
    name = forms.CharField(
        label=_("Use case"),
        max_length=60,
        help_text=_("A class of your own, or one of: %s") % ", ".join(USE_CASES),
    )
    words = forms.CharField(
        label=_("Words that tell it"),
        required=False,
        max_length=5000,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text=_("A word or phrase on each line. They are asked before the built-in rules."),
    )


def pretty(value: Any) -> str:
    """JSON for reading."""
    return json.dumps(value, ensure_ascii=False, indent=2, sort_keys=True)
