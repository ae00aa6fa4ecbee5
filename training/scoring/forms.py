"""What a manager says: who scores, and where people check it."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from training.models import ModelKind, ModelVersion, Scoring
from training.run_queries import ready_models
from webapp.workspaces.models import Workspace


class ScoreForm(forms.Form):
    reward = forms.ModelChoiceField(ModelVersion.objects.none(), label=_("Reward model"))

    def __init__(self, workspace: Workspace, *args: Any) -> None:
        super().__init__(*args)
        found = ready_models(workspace, ModelKind.REWARD)
        reward = self.fields["reward"]
        assert isinstance(reward, forms.ModelChoiceField)
        reward.queryset = found
        self.has_choices = found.exists()


class CheckForm(forms.Form):
    name = forms.CharField(label=_("Name of the campaign"), max_length=100)
    overlap = forms.IntegerField(
        label=_("People for each pair"), min_value=1, max_value=20, initial=1
    )

    def __init__(self, scoring: Scoring, data: Any = None) -> None:
        super().__init__(data, auto_id=f"check-{scoring.pk}-%s")
        self.fields["name"].initial = f"{scoring.batch}: {scoring.reward}"[:100]


class TagForm(forms.Form):
    least = forms.FloatField(label=_("Whose best answer scores less than"), required=False)
    lowest = forms.FloatField(
        label=_("or the lowest, in per cent of the prompts"),
        required=False,
        min_value=0,
        max_value=100,
    )
    tag = forms.CharField(label=_("Tag"), max_length=60)

    def __init__(self, scoring: Scoring, data: Any = None) -> None:
        super().__init__(data, auto_id=f"tag-{scoring.pk}-%s")

    def clean_lowest(self) -> float | None:
        given: float | None = self.cleaned_data["lowest"]
        return None if given is None else given / 100
