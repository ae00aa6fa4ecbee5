"""The launch form: every setting of a method, made of the one declaration in training.trainers."""

from collections.abc import Iterable, Mapping
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from training.actions.launch import LaunchPlan, read_data_path
from training.models import (
    DatasetSnapshot,
    Method,
    ModelKind,
    ModelVersion,
    Purpose,
    TrainingRun,
)
from training.models.runs import plain
from training.queries import ready_snapshots
from training.run_queries import ready_adapters, ready_models
from training.snapshot_parts import Part
from training.trainers.run_config import NEEDS, NEEDS_REWARD_MODEL, Setting, describe
from webapp.workspaces.models import Workspace

# Which settings a person looks at first; the others stand in folded groups.
FIRST = (
    "training.learning_rate",
    "training.epochs",
    "training.max_steps",
    "training.batch_size",
    "training.micro_batch_size",
    "training.max_length",
    "settings.updates",
    "settings.beta",
    "settings.kl_coef",
    "settings.max_new_tokens",
    "settings.n",
    "settings.iterations",
    "settings.samples_per_prompt",
)
GROUPS = (
    ("settings", gettext_lazy("Of this method")),
    ("training", gettext_lazy("Optimiser, saving, evaluating, samples")),
    ("lora", gettext_lazy("Adapters")),
)
DATA_LABELS = {
    "train": gettext_lazy("Snapshot to learn from"),
    "prompts": gettext_lazy("Snapshot of prompts"),
    "demonstrations": gettext_lazy("Demonstrations, to centre rewards on"),
    "ptx": gettext_lazy("Texts to mix in (ptx)"),
}


class RunForm(forms.Form):
    """Fields: what runs on what, then one field for each setting, by its dotted name."""

    def __init__(
        self,
        workspace: Workspace,
        method: str,
        data: Any = None,
        *,
        values: Mapping[str, Any] | None = None,
    ) -> None:
        """`values` are first values by field name: a preset's, a saved configuration's, a run's."""
        super().__init__(data, initial=dict(values or {}))
        self.workspace = workspace
        self.method = method
        self.settings = describe(method)
        self._add_subject()
        self._add_how()
        for setting in self.settings:
            self.fields[setting.name] = _field(setting)

    # ---- fields

    def _add_subject(self) -> None:
        self.fields["name"] = forms.CharField(
            label=_("Name of the run"),
            max_length=80,
            widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
        )
        kinds = [ModelKind.POLICY]
        if self.method == Method.REWARD:
            kinds.append(ModelKind.REWARD)
        self.fields["base"] = forms.ModelChoiceField(
            ready_models(self.workspace, *kinds), label=_("Model to begin from")
        )
        self._add_adapter("adapter", _("Adapter to begin from"))
        if self.method in NEEDS_REWARD_MODEL:
            self.fields["reward"] = forms.ModelChoiceField(
                ready_models(self.workspace, ModelKind.REWARD), label=_("Reward model")
            )
            self._add_adapter("reward_adapter", _("Adapter of the reward model"))
            if "reward_adapter" in self.fields:
                self.fields["reward"].queryset = ready_models(  # type: ignore[attr-defined]
                    self.workspace, ModelKind.REWARD, ModelKind.POLICY
                )
        for role, (kinds_of_data, required) in NEEDS[self.method].items():
            if role == "validation":
                continue
            self.fields[f"data.{role}"] = forms.ModelChoiceField(
                ready_snapshots(self.workspace, *kinds_of_data),
                label=DATA_LABELS[role],
                required=required,
                help_text=_("Its validation split is used to evaluate.")
                if role in ("train", "prompts")
                else "",
            )
        self.fields["rows"] = forms.IntegerField(
            label=_("Rows to learn from, at most"),
            min_value=1,
            required=False,
            help_text=_("Empty: all. A smaller part lies within a larger one of the same seed."),
        )
        self.fields["result_name"] = forms.CharField(
            label=_("Name of the resulting model"),
            max_length=80,
            required=False,
            help_text=_("Empty: the run's name. A name that is there gets its next version."),
        )

    def _add_adapter(self, role: str, label: str) -> None:
        """A field for those that there are; none where there are none."""
        kinds = ["reward"] if role == "reward_adapter" else ["policy"]
        if role == "adapter" and self.method == Method.REWARD:
            kinds.append("reward")
        found = ready_adapters(self.workspace, *kinds)
        if found.exists():
            self.fields[role] = AdapterField(
                found,
                label=label,
                required=False,
                help_text=_(
                    "It is merged into the model above before anything else; choose there the one "
                    "that it was trained on. With LoRA, new adapters are trained on the result."
                ),
            )

    def _add_how(self) -> None:
        self.fields["use_lora"] = forms.BooleanField(
            label=_("Train adapters (LoRA) instead of all weights"), required=False
        )
        self.fields["quantization"] = forms.ChoiceField(
            label=_("The frozen base in 4 bits"),
            choices=[("none", _("No")), ("nf4", _("NF4 (QLoRA)"))],
            required=False,
            initial="none",
        )
        self.fields["precision"] = forms.ChoiceField(
            label=_("Arithmetic"),
            choices=[("auto", _("bf16 where a GPU has it")), ("fp32", "fp32"), ("bf16", "bf16")],
            required=False,
            initial="auto",
        )
        self.fields["seed"] = forms.IntegerField(
            label=_("Seed"), min_value=0, max_value=2**32 - 1, initial=0, required=False
        )
        self.fields["deterministic"] = forms.BooleanField(
            label=_("Only kernels that repeat exactly"), required=False
        )

    # ---- for the template

    def subject(self) -> list[Any]:
        names = ["name", "base", "adapter", "reward", "reward_adapter"]
        names += [name for name in self.fields if name.startswith("data.")]
        return [self[name] for name in [*names, "rows", "result_name"] if name in self.fields]

    def how(self) -> list[Any]:
        names = ["use_lora", "quantization", "precision", "seed", "deterministic"]
        return [self[name] for name in names]

    def first(self) -> list[Any]:
        return [self[name] for name in FIRST if name in self.fields]

    def groups(self) -> list[dict[str, Any]]:
        found = []
        for prefix, label in GROUPS:
            names = [s.name for s in self.settings if s.name.startswith(f"{prefix}.")]
            fields = [self[name] for name in names if name not in FIRST]
            if fields:
                wrong = any(field.errors for field in fields)
                found.append({"label": label, "fields": fields, "open": wrong})
        return found

    # ---- the plan

    def config(self) -> dict[str, Any]:
        """The part of run.json that the form decides: what differs from the defaults."""
        given = self.cleaned_data
        found: dict[str, Any] = {
            "seed": given.get("seed") or 0,
            "quantization": given.get("quantization") or "none",
            "precision": given.get("precision") or "auto",
            "deterministic": bool(given.get("deterministic")),
        }
        if given.get("use_lora"):
            found["lora"] = {}
        for setting in self.settings:
            prefix, _dot, name = setting.name.partition(".")
            if prefix == "lora" and "lora" not in found:
                continue
            value = given.get(setting.name)
            if value is None or value == "":
                if setting.default is not None and setting.name != "training.learning_rate":
                    value = None if "null" in setting.allowed else setting.default
                else:
                    continue
            if setting.name == "training.learning_rate" and value == setting.default:
                continue  # the method's own, which is higher with adapters
            if value != setting.default:
                found.setdefault(prefix, {})[name] = value
        return found

    def plan(self, *, purpose: str, cloned_from: TrainingRun | None = None) -> LaunchPlan:
        given = self.cleaned_data
        roles = ("base", "adapter", "reward", "reward_adapter")
        models = {role: given[role] for role in roles if given.get(role)}
        data = {
            name.partition(".")[2]: snapshot
            for name, snapshot in given.items()
            if name.startswith("data.") and snapshot is not None
        }
        return LaunchPlan(
            name=given["name"],
            method=self.method,
            models=models,
            data=data,
            config=self.config(),
            part=Part(given["rows"], given.get("seed") or 0) if given.get("rows") else None,
            result_name=given.get("result_name") or "",
            purpose=purpose,
            cloned_from=cloned_from,
        )


def _field(setting: Setting) -> forms.Field:
    """A form field for one setting; its help ends with what is allowed and where it comes from."""
    parts = [setting.help, _("Allowed: %(allowed)s.") % {"allowed": setting.allowed}]
    if setting.source:
        parts.append(_("Source: %(source)s.") % {"source": setting.source})
    common: dict[str, Any] = {
        "label": setting.name.partition(".")[2].replace("_", " ").capitalize(),
        "help_text": " ".join(parts),
        "required": False,
        "initial": setting.default,
    }
    if setting.type == "yes or no" and "null" in setting.allowed:
        return forms.NullBooleanField(**common)  # not said is neither
    if setting.type == "yes or no":
        return forms.BooleanField(**common)
    if setting.type == "whole number":
        return forms.IntegerField(**common)
    if setting.type == "number":
        return forms.FloatField(**common, widget=forms.NumberInput(attrs={"step": "any"}))
    if setting.type == "list":
        if setting.choices:  # names of layers, or one word for all of them
            return WordsField(**common, words=setting.choices)
        return LinesField(**common)
    if setting.type == "choice":
        return forms.ChoiceField(**common, choices=[(c, c) for c in setting.choices])
    return forms.CharField(**common)


class AdapterField(forms.ModelChoiceField):
    """Adapters, each with the name of the model that its files say it was trained on."""

    def label_from_instance(self, obj: Any) -> str:
        if base := obj.facts.get("base"):
            return _("%(adapter)s (for %(base)s)") % {"adapter": obj, "base": base}
        return str(obj)


class LinesField(forms.CharField):
    """A list of texts, one a line."""

    widget: Any = forms.Textarea

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(value) if isinstance(value, list) else value

    def to_python(self, value: Any) -> Any:
        if isinstance(value, list):
            return value
        return [line.strip() for line in str(value or "").splitlines() if line.strip()]


class WordsField(LinesField):
    """The same on one line, or one of the words that stand for a list."""

    widget = forms.TextInput

    def __init__(self, *, words: Iterable[str], **options: Any) -> None:
        super().__init__(**options)
        self.words = tuple(words)

    def prepare_value(self, value: Any) -> Any:
        return ", ".join(value) if isinstance(value, list) else value

    def to_python(self, value: Any) -> Any:
        text = str(value or "").strip()
        if not text or text in self.words:
            return text
        return [word.strip() for word in text.split(",") if word.strip()]


def values_of(run: TrainingRun) -> dict[str, Any]:
    """The form's values for a run like `run`: to clone it."""
    found = values_of_config(run.config)
    for use in run.models.all():
        found[use.role] = use.version_id
    for piece in run.data.all():
        found[f"data.{piece.role}"] = piece.snapshot_id
    for source in run.config.get("data", []):
        if (part := read_data_path(source["path"])[2]) is not None:
            found["rows"] = part.rows
    found["result_name"] = run.result_name
    return found


def values_of_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """The same of a configuration alone."""
    wanted = ("training", "settings", "lora")
    parts = {name: config[name] for name in wanted if config.get(name) is not None}
    found = plain(parts)
    found["use_lora"] = config.get("lora") is not None
    for name in ("seed", "quantization", "precision", "deterministic"):
        if name in config:
            found[name] = config[name]
    return found


def next_name(workspace: Workspace, method: str, base: ModelVersion | None) -> str:
    """A name that is free: the base's, the method and a number."""
    stem = f"{base.name if base else workspace.slug}-{method.replace('_', '-')}"[:70]
    taken = set(
        TrainingRun.objects.filter(workspace=workspace, name__startswith=stem).values_list(
            "name", flat=True
        )
    )
    number = 1
    while f"{stem}-{number}" in taken:
        number += 1
    return f"{stem}-{number}"


def snapshot_role(method: str, snapshot: DatasetSnapshot) -> str | None:
    """The role in which a method would read a snapshot of this kind, if it would."""
    for role, (kinds, required) in NEEDS[method].items():
        if required and snapshot.kind in kinds:
            return role
    return None


PURPOSES = {"launch": Purpose.RUN, "rehearse": Purpose.REHEARSAL, "preview": Purpose.PREVIEW}
