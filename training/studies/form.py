"""The form that declares a study."""

from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from training.actions.launch_recipe import laid_over, preset_config
from training.models import DatasetSnapshot, Method, ModelKind, SavedConfig, SnapshotKind
from training.playground_forms import NumbersField
from training.presets import PRESETS, preset_for, preset_named
from training.queries import ready_snapshots
from training.run_form import snapshot_role
from training.run_queries import ready_models
from training.snapshot_parts import LARGEST_DRAW
from training.studies.plan import LONGEST_NAME, METHODS, StudyPlan, usual_sizes
from webapp.workspaces.models import Workspace

KINDS = (SnapshotKind.PROMPT_COMPLETION, SnapshotKind.PREFERENCE, SnapshotKind.UNPAIRED)


class StudyForm(forms.Form):
    name = forms.CharField(
        label=gettext_lazy("Name"),
        max_length=LONGEST_NAME,
        help_text=gettext_lazy("The runs and their models are called after it."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    method = forms.ChoiceField(
        label=gettext_lazy("Method"), choices=[(key, Method(key).label) for key in METHODS]
    )
    sizes = NumbersField(
        kind=int,
        label=gettext_lazy("Training rows of each run"),
        help_text=gettext_lazy(
            "Two to twelve numbers. Each smaller part lies within the larger ones; a prompt's rows "
            "stay together, so a part may have a few rows less."
        ),
    )
    draw = forms.IntegerField(
        label=gettext_lazy("Seed"),
        min_value=0,
        max_value=LARGEST_DRAW,
        initial=0,
        help_text=gettext_lazy("Of the order in which rows are taken, and of every run."),
    )

    def __init__(
        self, workspace: Workspace, data: Any = None, *, snapshot: DatasetSnapshot | None = None
    ) -> None:
        super().__init__(data)
        snapshots = ready_snapshots(workspace, *KINDS)
        snapshot = snapshot or snapshots.first()
        bases = ready_models(workspace, ModelKind.POLICY)
        self.fields["snapshot"] = forms.ModelChoiceField(
            snapshots,
            label=_("Snapshot"),
            initial=snapshot,
            help_text=_("Its validation rows measure every run."),
        )
        self.fields["base"] = forms.ModelChoiceField(
            bases, label=_("Model to begin from"), initial=bases.first()
        )
        sizes = [("", _("By the model's own size")), *((p.key, p.label) for p in PRESETS)]
        self.fields["preset"] = forms.ChoiceField(label=_("Size"), choices=sizes, required=False)
        self.fields["config"] = forms.ModelChoiceField(
            SavedConfig.objects.filter(workspace=workspace, method__in=METHODS),
            label=_("Kept configuration"),
            required=False,
            empty_label=_("none: the preset alone"),
            help_text=_("Laid over the preset; keep one on the launch page."),
        )
        self.order_fields(
            ("name", "method", "base", "snapshot", "sizes", "preset", "config", "draw")
        )
        if snapshot is not None:
            usual = usual_sizes(snapshot.splits.get("train", 0))
            self.fields["sizes"].initial = ", ".join(map(str, usual))
            fitting = [method for method in METHODS if snapshot_role(method, snapshot)]
            self.fields["method"].initial = fitting[0] if fitting else METHODS[0]
            self.fields["name"].initial = f"budget-{snapshot.pk}"

    def clean(self) -> dict[str, Any]:
        found: dict[str, Any] = super().clean() or self.cleaned_data
        kept, method = found.get("config"), found.get("method")
        if kept is not None and kept.method != method:
            self.add_error("config", _("It is for another method. Choose one of this method."))
        return found

    def plan(self) -> StudyPlan:
        given = self.cleaned_data
        size = given["base"].facts.get("parameters")
        preset = preset_named(given["preset"]) or (preset_for(float(size)) if size else None)
        kept = given["config"].config if given["config"] else {}
        return StudyPlan(
            name=given["name"],
            method=given["method"],
            base=given["base"],
            snapshot=given["snapshot"],
            sizes=given["sizes"],
            draw=given["draw"],
            config=laid_over(preset_config(given["method"], preset), kept),
        )
