"""The form that declares a loop, and the small one that changes a round under way."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from annotation.models import Board, Split
from annotation.models.campaigns import Kind
from annotation.prompt_filter import PromptFilter
from training.models import ModelKind, Round, SavedConfig, SnapshotKind, Step
from training.models.rounds import ORDER
from training.playground_forms import NumbersField
from training.presets import PRESETS, recipe_named
from training.queries import ready_snapshots
from training.rounds.plan import LONGEST_NAME, MOST_COMPARED, ROUND_RECIPES, RoundPlan
from training.run_queries import ready_models
from webapp.workspaces.models import Workspace

SECTIONS = (
    (gettext_lazy("The loop"), ("name", "base", "models")),
    (
        gettext_lazy("Answers"),
        ("temperatures", "samples", "most", "max_tokens"),
    ),
    (
        gettext_lazy("Judgements"),
        ("kind", "answers", "overlap", "judgements", "guidelines"),
    ),
    (
        gettext_lazy("Training"),
        ("recipe", "result", "data", "demonstrations", "preset", "configs", "seed"),
    ),
    (gettext_lazy("Board"), ("board", "compare_split", "compare_most", "votes")),
    (gettext_lazy("What happens by itself"), ("automatic", "next_when", "earlier")),
)
SPLITS = [
    (Split.HELD_OUT.value, gettext_lazy("those held out from training")),
    (Split.VALIDATION.value, gettext_lazy("the validation split")),
    ("", gettext_lazy("those of the round itself")),
]


def _count(label: Any, least: int, most: int, **options: Any) -> forms.IntegerField:
    return forms.IntegerField(label=label, min_value=least, max_value=most, **options)


class RoundForm(forms.Form):
    """The prompts are those of the address (the filter of the prompt browser)."""

    name = forms.CharField(
        label=gettext_lazy("Name"),
        max_length=LONGEST_NAME,
        help_text=gettext_lazy("Its rounds are called “name 1”, “name 2” ..."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    temperatures = NumbersField(
        kind=float,
        initial="0.7, 1.0",
        label=gettext_lazy("Temperatures"),
        help_text=gettext_lazy("Two or more, as Llama-2 sampled: variety gives people a choice."),
    )
    samples = _count(gettext_lazy("Answers for each model and temperature"), 1, 16, initial=1)
    most = _count(
        gettext_lazy("Prompts at most"),
        1,
        1_000_000,
        required=False,
        help_text=gettext_lazy("The oldest first. Empty: all of them."),
    )
    max_tokens = _count(gettext_lazy("Tokens at most"), 1, 32_768, required=False)
    kind = forms.ChoiceField(
        label=gettext_lazy("People give"),
        choices=[(Kind.COMPARISON, Kind.COMPARISON.label), (Kind.RANKING, Kind.RANKING.label)],
        widget=forms.RadioSelect,
        initial=Kind.COMPARISON,
    )
    answers = _count(gettext_lazy("Answers in a ranking"), 2, 9, initial=4)
    overlap = _count(gettext_lazy("People per task"), 1, 50, initial=1)
    judgements = _count(
        gettext_lazy("Train when there are so many"),
        1,
        100_000_000,
        required=False,
        help_text=gettext_lazy("Empty: when all tasks are done."),
    )
    guidelines = forms.CharField(
        label=gettext_lazy("Guidelines"),
        required=False,
        max_length=50_000,
        widget=forms.Textarea(attrs={"rows": 4}),
    )
    recipe = forms.ChoiceField(label=gettext_lazy("Recipe"), widget=forms.RadioSelect)
    result = forms.CharField(
        label=gettext_lazy("Name of the new model"),
        max_length=80,
        help_text=gettext_lazy("Each round adds a version under it."),
    )
    data = forms.ChoiceField(  # type: ignore[assignment]  # the field hides nothing of the form
        label=gettext_lazy("Learn from the judgements"),
        choices=[
            ("all", gettext_lazy("of all rounds so far")),
            ("round", gettext_lazy("of this round alone")),
        ],
        initial="all",
    )
    preset = forms.ChoiceField(label=gettext_lazy("Size"), required=False)
    seed = _count(gettext_lazy("Seed"), 0, 2**31 - 1, initial=0)
    compare_split = forms.ChoiceField(
        label=gettext_lazy("Prompts of the comparison"),
        choices=SPLITS,
        required=False,
        initial=Split.HELD_OUT.value,
    )
    compare_most = _count(gettext_lazy("So many of them at most"), 1, 20_000, initial=100)
    votes = _count(
        gettext_lazy("Comparisons to wait for"),
        1,
        MOST_COMPARED,
        required=False,
        help_text=gettext_lazy("Empty: all of them."),
    )
    automatic = forms.MultipleChoiceField(
        label=gettext_lazy("These steps begin by themselves"),
        choices=Step.choices,
        initial=list(ORDER),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=gettext_lazy("The others wait for a press of a button."),
    )
    next_when = _count(
        gettext_lazy("Start the next round when the campaign has so many judgements"),
        1,
        100_000_000,
        required=False,
        help_text=gettext_lazy("And this round is done. Empty: you start it."),
    )
    earlier = _count(gettext_lazy("Earlier models that answer in the next rounds"), 0, 7, initial=1)

    def __init__(self, workspace: Workspace, prompts: PromptFilter, data: Any = None) -> None:
        super().__init__(data)
        self.prompts = prompts or PromptFilter(splits=(Split.TRAIN,))
        policies = ready_models(workspace, ModelKind.POLICY)
        newest = policies.first()
        self.fields["base"] = forms.ModelChoiceField(
            policies,
            label=_("Model that learns"),
            initial=newest,
            help_text=_("The newest one; it answers too."),
        )
        self.fields["models"] = forms.ModelMultipleChoiceField(
            policies,
            label=_("Earlier models that answer too"),
            required=False,
            widget=forms.CheckboxSelectMultiple,
        )
        recipes = [recipe for key in ROUND_RECIPES if (recipe := recipe_named(key))]
        choices = [(each.key, f"{each.label}: {each.help}") for each in recipes]
        self.fields["recipe"].choices = choices  # type: ignore[attr-defined]
        self.fields["recipe"].initial = "dpo"
        self.fields["demonstrations"] = forms.ModelChoiceField(
            ready_snapshots(workspace, SnapshotKind.PROMPT_COMPLETION),
            label=_("Demonstrations"),
            required=False,
            empty_label=_("all there are, frozen anew"),
            help_text=_("For recipes that fine-tune first."),
        )
        sizes = [("", _("By the model's own size")), *((p.key, p.label) for p in PRESETS)]
        self.fields["preset"].choices = sizes  # type: ignore[attr-defined]
        self.fields["configs"] = forms.ModelMultipleChoiceField(
            SavedConfig.objects.filter(workspace=workspace).order_by("method", "name"),
            label=_("Kept configurations"),
            required=False,
            widget=forms.CheckboxSelectMultiple,
            help_text=_("Laid over the preset of their method; keep them on the launch page."),
        )
        self.fields["configs"].label_from_instance = (  # type: ignore[attr-defined]
            lambda row: f"{row.get_method_display()}: {row.name}"
        )
        self.fields["board"] = forms.ModelChoiceField(
            Board.objects.filter(workspace=workspace),
            label=_("Board"),
            required=False,
            empty_label=_("a new one, under the loop's name"),
        )
        if newest is not None:
            self.fields["result"].initial = newest.name

    def sections(self) -> list[tuple[Any, list[Any]]]:
        """The fields by heading; those with nothing to choose from are left out."""
        empty = {
            name
            for name, field in self.fields.items()
            if isinstance(field, forms.ModelMultipleChoiceField)
            and not (field.queryset is not None and field.queryset.exists())
        }
        return [
            (title, [self[name] for name in names if name not in empty])
            for title, names in SECTIONS
        ]

    def clean_configs(self) -> Any:
        chosen = self.cleaned_data["configs"]
        methods = [each.method for each in chosen]
        if len(set(methods)) != len(methods):
            raise ValidationError(_("Choose at most one configuration for each method."))
        return chosen

    def plan(self) -> RoundPlan:
        """Raises ValidationError for what the fields alone cannot tell."""
        given = dict(self.cleaned_data)
        for name in ("base", "models", "board"):
            given.pop(name)
        split = given.pop("compare_split")
        demonstrations = given.pop("demonstrations")
        given |= {
            "prompts": self.prompts,
            "compare": PromptFilter(splits=(split,)) if split else self.prompts,
            "demonstrations": demonstrations.pk if demonstrations else None,
            "configs": {each.method: each.config for each in given["configs"]},
            "automatic": tuple(step for step in ORDER if step in given["automatic"]),
        }
        return RoundPlan(**given)


class SteeringForm(forms.Form):
    """What may change while a round is under way."""

    judgements = RoundForm.base_fields["judgements"]
    votes = RoundForm.base_fields["votes"]
    automatic = RoundForm.base_fields["automatic"]
    next_when = RoundForm.base_fields["next_when"]

    @classmethod
    def of(cls, found: Round, data: Any = None) -> "SteeringForm":
        initial = {name: found.plan.get(name) for name in ("judgements", "votes", "next_when")}
        initial["automatic"] = [step.step for step in found.steps.all() if step.automatic]
        return cls(data, initial=initial)
