"""What is typed in the playground, in samplings and in the arena."""

import random
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from annotation.prompt_filter import PromptFilter
from training.actions.sample import SamplePlan
from training.actions.trial import MOST_COLUMNS, TrialPlan
from training.generate.requests import LARGEST_SEED, Sampling
from training.model_queries import askable
from training.models import ModelEndpoint
from webapp.workspaces.models import Workspace

MOST_VALUES = 10


class ModelsField(forms.ModelMultipleChoiceField):
    """Models to ask, as check boxes."""

    def __init__(self, **options: Any) -> None:
        options.setdefault("label", gettext_lazy("Models"))
        options.setdefault("widget", forms.CheckboxSelectMultiple)
        super().__init__(queryset=ModelEndpoint.objects.none(), **options)


class SettingsForm(forms.Form):
    """How answers are drawn: the same for every model."""

    models = ModelsField()
    temperature = forms.FloatField(
        label=gettext_lazy("Temperature"),
        initial=0.7,
        min_value=0,
        max_value=2,
        required=False,
        widget=forms.NumberInput(attrs={"step": "0.05"}),
    )
    top_p = forms.FloatField(
        label=gettext_lazy("Top p"),
        initial=1.0,
        min_value=0.01,
        max_value=1,
        required=False,
        widget=forms.NumberInput(attrs={"step": "0.01"}),
    )
    max_tokens = forms.IntegerField(
        label=gettext_lazy("Tokens at most"),
        initial=512,
        min_value=1,
        max_value=32_768,
        required=False,
    )
    seed = forms.IntegerField(
        label=gettext_lazy("Seed"),
        min_value=0,
        max_value=LARGEST_SEED,
        required=False,
        widget=forms.NumberInput(attrs={"placeholder": gettext_lazy("a new one")}),
    )

    def __init__(self, *args: Any, workspace: Workspace, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.workspace = workspace
        models = self.fields["models"]
        assert isinstance(models, ModelsField)
        models.queryset = askable(workspace)

    def endpoints(self) -> tuple[ModelEndpoint, ...]:
        return tuple(self.cleaned_data["models"])

    def sampling(self) -> Sampling:
        given = self.cleaned_data
        seed = given["seed"]
        return Sampling(
            temperature=0.7 if given["temperature"] is None else given["temperature"],
            top_p=1.0 if given["top_p"] is None else given["top_p"],
            max_tokens=given["max_tokens"],
            seed=random.randrange(LARGEST_SEED) if seed is None else seed,  # noqa: S311
        )


class PlaygroundForm(SettingsForm):
    prompt = forms.CharField(
        label=gettext_lazy("Prompt"),
        max_length=100_000,
        widget=forms.Textarea(
            attrs={"rows": 5, "data-key": "i", "data-key-label": gettext_lazy("Write")}
        ),
    )
    system = forms.CharField(
        label=gettext_lazy("System message"),
        max_length=20_000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
    )
    field_order = ["prompt", "system", "models", "temperature", "top_p", "max_tokens", "seed"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["models"].help_text = _("At most %d, side by side.") % MOST_COLUMNS

    def clean_models(self) -> Any:
        chosen = self.cleaned_data["models"]
        if len(chosen) > MOST_COLUMNS:
            raise ValidationError(
                _("%(given)d models are chosen; at most %(most)d fit side by side."),
                params={"given": len(chosen), "most": MOST_COLUMNS},
            )
        return chosen

    def plan(self) -> TrialPlan:
        system = self.cleaned_data["system"].strip()
        messages = [{"role": "system", "content": system}] if system else []
        messages.append({"role": "user", "content": self.cleaned_data["prompt"]})
        return TrialPlan(messages, self.endpoints(), self.sampling())


class NumbersField(forms.CharField):
    """Several numbers, separated by commas or spaces."""

    def __init__(self, *, kind: type[int] | type[float], **options: Any) -> None:
        self.kind = kind
        super().__init__(max_length=200, **options)

    def clean(self, value: Any) -> Any:
        text = super().clean(value)
        try:
            numbers = tuple(dict.fromkeys(self.kind(p) for p in text.replace(",", " ").split()))
        except ValueError:
            raise ValidationError(_("Write numbers, separated by commas.")) from None
        if not 0 < len(numbers) <= MOST_VALUES:
            raise ValidationError(
                _("Write 1 to %(most)d different numbers."), params={"most": MOST_VALUES}
            )
        return numbers


class SampleForm(forms.Form):
    """A body of answers: which models, how, and how many. The prompts are the address's filter."""

    name = forms.CharField(max_length=100, label=gettext_lazy("Name"))
    models = ModelsField()
    temperatures = NumbersField(
        kind=float,
        initial="0.7",
        label=gettext_lazy("Temperatures"),
        help_text=gettext_lazy("Several are separated by commas; each is asked."),
    )
    seeds = NumbersField(kind=int, initial="0", label=gettext_lazy("Seeds"))
    samples = forms.IntegerField(
        initial=1, min_value=1, max_value=64, label=gettext_lazy("Answers for each of these")
    )
    top_p = forms.FloatField(initial=1.0, min_value=0.01, max_value=1, label=gettext_lazy("Top p"))
    max_tokens = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=32_768,
        label=gettext_lazy("Tokens at most"),
        help_text=gettext_lazy("Empty: what each model allows."),
    )
    most = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=1_000_000,
        label=gettext_lazy("Prompts at most"),
        help_text=gettext_lazy("The oldest first. Empty: all that the filter finds."),
    )
    budget = forms.DecimalField(
        required=False,
        min_value=0,
        max_value=99_999,
        max_digits=14,
        decimal_places=6,
        label=gettext_lazy("Budget"),
        help_text=gettext_lazy("The job stops before it costs more. Empty: no limit."),
    )

    def __init__(self, *args: Any, workspace: Workspace, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        models = self.fields["models"]
        assert isinstance(models, ModelsField)
        models.queryset = askable(workspace)

    def plan(self, prompts: PromptFilter) -> SamplePlan:
        given = self.cleaned_data
        return SamplePlan(
            name=given["name"],
            endpoints=tuple(given["models"]),
            temperatures=given["temperatures"],
            seeds=given["seeds"],
            samples=given["samples"],
            top_p=given["top_p"],
            max_tokens=given["max_tokens"],
            budget=given["budget"],
            most=given["most"],
            filter=prompts.as_json(),
        )
