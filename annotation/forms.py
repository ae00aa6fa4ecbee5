"""Forms of managers: guidelines, checks, thresholds, attributes."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from annotation.actions.suggest import MOST_BYTES
from annotation.models.campaigns import Purpose
from annotation.quality_effect import Thresholds


class GuidelinesForm(forms.Form):
    text = forms.CharField(
        label=_("Guidelines"),
        required=False,
        max_length=50_000,
        widget=forms.Textarea(attrs={"rows": 16}),
        help_text=_("Markdown. Saving a changed text adds a version; old versions are kept."),
    )


class CheckForm(forms.Form):
    """What a check is for and why its answer is right; the answer itself is the work form's."""

    purpose = forms.ChoiceField(
        label=_("Ask it"),
        choices=[
            (Purpose.GOLD, _("hidden among the work")),
            (Purpose.TRAINING, _("in the training, with feedback")),
        ],
        widget=forms.RadioSelect,
        initial=Purpose.GOLD,
    )
    explanation = forms.CharField(
        label=_("Why is this the right answer?"),
        required=False,
        max_length=5000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("Markdown. Shown after the answer in the training."),
    )


def _percent(label: Any, **options: Any) -> forms.IntegerField:
    return forms.IntegerField(label=label, required=False, min_value=0, max_value=100, **options)


class ThresholdsForm(forms.Form):
    """Per cent; an empty field does not look."""

    checks = _percent(_("Hidden checks right, at least %"))
    agrees = _percent(_("Agrees with others, at least %"))
    same = _percent(_("Same on swapped repeats, at least %"))
    estimated = _percent(_("Estimated accuracy, at least %"))
    fast = _percent(_("Too fast to have been read, at most %"))
    anomalous = forms.BooleanField(label=_("Unlike everybody else’s votes"), required=False)
    answers = forms.IntegerField(
        label=_("Who gave at least this many answers"), required=False, min_value=1, initial=10
    )

    def thresholds(self) -> Thresholds:
        cleaned = self.cleaned_data
        shares = {
            name: cleaned[name] / 100 if cleaned[name] is not None else None
            for name in ("checks", "agrees", "same", "estimated", "fast")
        }
        return Thresholds(answers=cleaned["answers"] or 1, anomalous=cleaned["anomalous"], **shares)


class PromotionForm(forms.Form):
    """How clearly people must agree about an item for it to become a hidden check."""

    people = forms.IntegerField(
        label=_("People who answered, at least"), min_value=2, max_value=50, initial=3
    )
    agreement = forms.IntegerField(
        label=_("Of them say the same, in per cent"), min_value=51, max_value=100, initial=100
    )

    def asked(self) -> dict[str, Any]:
        return {
            "people": self.cleaned_data["people"],
            "share": self.cleaned_data["agreement"] / 100,
        }

    @staticmethod
    def usual() -> dict[str, Any]:
        return {"people": 3, "share": 1.0}


class SuggestionsForm(forms.Form):
    """A file of predictions with its name, or the key of somebody whose verdicts are there."""

    name = forms.CharField(
        label=_("Name"),
        required=False,
        max_length=200,
        help_text=_("Who or what predicted. Managers see it, annotators never do."),
    )
    file = forms.FileField(label=_("File of predictions (JSON Lines)"), required=False)
    suggester = forms.CharField(required=False, max_length=300, widget=forms.HiddenInput)

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        file = cleaned.get("file")
        if not file and not cleaned.get("suggester") and "file" not in self.errors:
            self.add_error("file", _("Choose a file."))
        if file and file.size > MOST_BYTES:
            most = MOST_BYTES // 1_000_000
            self.add_error("file", _("At most %d MB. Send it in several parts.") % most)
        return cleaned


class AttributeForm(forms.Form):
    name = forms.CharField(max_length=50, label=_("Name"), help_text=_("For example “helpful”."))
    question = forms.CharField(max_length=200, label=_("Question"))
    lowest = forms.IntegerField(label=_("Lowest value"), initial=1, min_value=-10, max_value=100)
    highest = forms.IntegerField(label=_("Highest value"), initial=5, min_value=-10, max_value=100)
    rubric = forms.CharField(
        label=_("Rubric"),
        required=False,
        max_length=5000,
        widget=forms.Textarea(attrs={"rows": 5}),
        help_text=_("What each value means: a line for each, the lowest first."),
    )
