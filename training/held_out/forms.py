"""What a manager says on the over-optimisation page."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from training.models import HeldOutMeasure, ModelEndpoint, ModelKind, TrainingRun
from training.run_queries import ready_models


class MeasureForm(forms.Form):
    """Who scores: a reward model or an endpoint, as one choice."""

    scorer_of = forms.ChoiceField(
        label=_("Scored by"),
        help_text=_(
            "A reward model that the run did not learn from, or a judge, which rates from 1 to 10."
        ),
    )

    def __init__(self, run: TrainingRun, *args: Any) -> None:
        super().__init__(*args)
        learned = run.models.filter(role="reward").values("version")
        self.rewards = ready_models(run.workspace, ModelKind.REWARD).exclude(pk__in=learned)
        self.endpoints = ModelEndpoint.objects.filter(workspace=run.workspace, retired_at=None)
        self.choices = [
            (_("Reward models"), [(f"reward-{each.pk}", str(each)) for each in self.rewards[:100]]),
            (_("Judges"), [(f"judge-{each.pk}", str(each)) for each in self.endpoints[:100]]),
        ]
        self.fields["scorer_of"].choices = [group for group in self.choices if group[1]]  # type: ignore[attr-defined]

    @property
    def has_choices(self) -> bool:
        return any(group[1] for group in self.choices)

    def scorer(self) -> dict[str, Any]:
        """As measure_run() takes it."""
        kind, _dash, pk = self.cleaned_data["scorer_of"].partition("-")
        if kind == "reward":
            return {"reward": self.rewards.get(pk=pk)}
        return {"endpoint": self.endpoints.get(pk=pk)}


class AskPeopleForm(forms.Form):
    name = forms.CharField(label=_("Name of the campaign"), max_length=100)
    overlap = forms.IntegerField(
        label=_("People for each pair"), min_value=1, max_value=20, initial=1
    )

    def __init__(self, run: TrainingRun, *args: Any) -> None:
        super().__init__(*args)
        self.fields["name"].initial = f"{run.name}: {_('held out')}"[:100]


class SuspiciousForm(forms.Form):
    measure = forms.ModelChoiceField(HeldOutMeasure.objects.none())
    name = forms.CharField(max_length=100)

    def __init__(self, run: TrainingRun, *args: Any) -> None:
        super().__init__(*args)
        self.fields["measure"].queryset = HeldOutMeasure.objects.filter(run=run)  # type: ignore[attr-defined]
