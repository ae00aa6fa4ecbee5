"""The form of a recipe: one base, one snapshot of each kind, one preset."""

from typing import Any

from django import forms
from django.utils.translation import gettext as _

from training.models import ModelKind, SnapshotKind
from training.presets import PRESETS, Recipe, preset_for, preset_named
from training.queries import ready_snapshots
from training.run_queries import ready_models
from webapp.workspaces.models import Workspace


class RecipeForm(forms.Form):
    def __init__(self, workspace: Workspace, recipe: Recipe, data: Any = None) -> None:
        super().__init__(data)
        self.recipe = recipe
        bases = ready_models(workspace, ModelKind.POLICY)
        newest = bases.first()
        self.fields["name"] = forms.CharField(
            label=_("Name"),
            max_length=60,
            initial=f"{newest.name if newest else workspace.slug}-{recipe.key}"[:60],
            help_text=_("The runs and their models are called after it."),
        )
        self.fields["base"] = forms.ModelChoiceField(
            bases, label=_("Model to begin from"), initial=newest
        )
        for kind in recipe.needs():
            snapshots = ready_snapshots(workspace, kind)
            self.fields[f"data.{kind}"] = forms.ModelChoiceField(
                snapshots, label=SnapshotKind(kind).label, initial=snapshots.first()
            )
        self.fields["preset"] = forms.ChoiceField(
            label=_("Size"),
            choices=[("", _("By the model's own size")), *((p.key, p.label) for p in PRESETS)],
            required=False,
        )
        self.fields["seed"] = forms.IntegerField(
            label=_("Seed"), min_value=0, max_value=2**32 - 1, initial=0
        )

    def given(self) -> dict[str, Any]:
        """The arguments of launch_recipe."""
        values = self.cleaned_data
        base = values["base"]
        size = base.facts.get("parameters")
        preset = preset_named(values["preset"]) or (preset_for(float(size)) if size else None)
        data = {kind: values[f"data.{kind}"] for kind in self.recipe.needs()}
        return {
            "name": values["name"],
            "base": base,
            "data": data,
            "preset": preset,
            "seed": values["seed"],
        }
