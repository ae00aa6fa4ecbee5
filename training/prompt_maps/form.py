"""The form that asks for a map."""

import re
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from training.models import ModelKind
from training.prompt_maps.plan import (
    LARGEST_SEED,
    LONGEST_NAME,
    MOST_PROMPTS,
    USUAL_MOST,
    USUAL_PERPLEXITY,
    DataSet,
    MapPlan,
    choices_of,
    data_set,
)
from training.prompt_maps.queries import maps_in, views_for
from training.run_queries import ready_models
from webapp.workspaces.models import Workspace

SETS = 4  # as many colours are told apart at a glance; more are asked for by the API
MOST_PICKED = 50_000
_RANGES = re.compile(r"\d{1,7}(-\d{1,7})?(,\d{1,7}(-\d{1,7})?)*\Z", re.ASCII)


class MapForm(forms.Form):
    name = forms.CharField(
        label=gettext_lazy("Name"),
        max_length=LONGEST_NAME,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    perplexity = forms.FloatField(
        label=gettext_lazy("Perplexity"),
        min_value=2,
        max_value=1000,
        initial=USUAL_PERPLEXITY,
        help_text=gettext_lazy("About how many neighbours each text stays with. 5 to 50 is usual."),
    )
    seed = forms.IntegerField(
        label=gettext_lazy("Seed"),
        min_value=0,
        max_value=LARGEST_SEED,
        initial=0,
        help_text=gettext_lazy("The same seed and texts give the same map on the same machine."),
    )
    most = forms.IntegerField(
        label=gettext_lazy("Prompts of each data set, at most"),
        min_value=10,
        max_value=MOST_PROMPTS,
        initial=USUAL_MOST,
        help_text=gettext_lazy("Of a larger one so many are drawn by the seed."),
    )

    def __init__(self, workspace: Workspace, person: Any, data: Any = None) -> None:
        super().__init__(data)
        self.workspace = workspace
        self.views = views_for(workspace, person)
        models = ready_models(workspace, ModelKind.EMBEDDER)
        self.fields["version"] = forms.ModelChoiceField(
            models, label=_("Embedding model"), initial=models.first(), empty_label=None
        )
        choices = choices_of(workspace, self.views)
        for number in range(1, SETS + 1):
            blank = [] if number == 1 else [("", _("none"))]
            self.fields[f"set_{number}"] = forms.ChoiceField(
                label=_("Data set %d") % number,
                required=number == 1,
                choices=[*blank, *choices],
            )
        sets = [f"set_{number}" for number in range(1, SETS + 1)]
        self.order_fields(("name", *sets, "version", "perplexity", "seed", "most"))
        self.fields["name"].initial = _("Map %d") % (maps_in(workspace).count() + 1)

    def clean(self) -> dict[str, Any]:
        found: dict[str, Any] = super().clean() or self.cleaned_data
        chosen: list[str] = []
        self.sets: list[DataSet] = []
        for number in range(1, SETS + 1):
            key = found.get(f"set_{number}")
            if key and key in chosen:
                self.add_error(f"set_{number}", _("It is chosen already. Choose another one."))
            elif key:
                chosen.append(key)
                try:
                    self.sets.append(data_set(self.workspace, key, self.views))
                except ValidationError as refused:
                    self.add_error(f"set_{number}", refused)
        return found

    def plan(self) -> MapPlan:
        given = self.cleaned_data
        return MapPlan(
            name=given["name"],
            version=given["version"],
            sets=self.sets,
            perplexity=given["perplexity"],
            seed=given["seed"],
            most=given["most"],
        )


def points_of(text: str) -> list[int]:
    """The numbers that "0-5,9,12-40" names, ascending, each once.

    Raises:
        ValidationError: it is no such list, or names more than any map has.
    """
    if not _RANGES.match(text or ""):
        raise ValidationError(_("Points are given like 0-5,9,12: numbers and ranges of them."))
    found: set[int] = set()
    for part in text.split(","):
        first, _dash, last = part.partition("-")
        low, high = int(first), int(last or first)
        if high - low >= MOST_PICKED or len(found) > MOST_PICKED:
            raise ValidationError(_("At most %d points can be picked at once.") % MOST_PICKED)
        found |= set(range(low, high + 1))
    return sorted(found)
