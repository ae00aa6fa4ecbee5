"""What a person chooses for a snapshot: which judgements, and how they are written down."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from annotation.domain.preferences import MarginTable
from annotation.exports.plan import ExportPlan, Kind, Shape, Ties
from annotation.judgement_filter import JudgementFilter
from annotation.models import Campaign, Completion, Prompt, Source, Split
from annotation.models.judgements import Strength
from training.models import ModelKind, ModelVersion, SnapshotKind
from training.run_queries import ready_models
from webapp.accounts.models import User
from webapp.workspaces.models import Workspace

MOST_CHOICES = 200
DATE = {"type": "date"}

KIND_CHOICES = [
    (SnapshotKind.PREFERENCE, _("Preferences: chosen and rejected (reward model, DPO)")),
    (SnapshotKind.PROMPT_COMPLETION, _("Prompts and completions: demonstrations (fine-tuning)")),
    (SnapshotKind.UNPAIRED, _("Unpaired: one answer, good or bad (KTO)")),
    (SnapshotKind.PROMPT_ONLY, _("Prompts only (PPO, RLOO, best-of-N)")),
]
TIE_CHOICES = [
    (Ties.KEEP.value, _("Keep, marked as ties (Rondo’s trainers know what to do with them)")),
    (Ties.DROP.value, _("Leave out; the others keep 1 / C(K, 2) (InstructGPT)")),
    (Ties.RENORMALISE.value, _("Leave out; the others share their weight")),
    (Ties.HALF.value, _("Half each way: two rows of half the weight")),
]
MARGIN_CHOICES = [
    (MarginTable.NONE.value, _("None")),
    (MarginTable.SMALL.value, _("Small: 1, ⅔, ⅓, 0 (Llama-2)")),
    (MarginTable.LARGE.value, _("Large: 3, 2, 1, 0 (Llama-2)")),
    (MarginTable.SCORES.value, _("Scores: how far apart an import scored the answers")),
]
SHAPE_CHOICES = [
    (Shape.CHAT.value, _("Messages, for a chat template")),
    (Shape.PLAIN.value, _("Plain texts (prompts of one turn only)")),
]


class SnapshotForm(forms.Form):
    """Fields of the filter have the names of its parameters in an address."""

    name = forms.CharField(label=_("Name"), max_length=100)
    type = forms.ChoiceField(
        label=_("Type of rows"),
        choices=KIND_CHOICES,
        widget=forms.RadioSelect,
        initial=SnapshotKind.PREFERENCE,
    )
    campaign = forms.MultipleChoiceField(
        label=_("Of the campaigns"), required=False, widget=forms.CheckboxSelectMultiple
    )
    judged_by = forms.MultipleChoiceField(
        label=_("Judged by"),
        required=False,
        choices=Source.choices,
        widget=forms.CheckboxSelectMultiple,
    )
    annotator = forms.MultipleChoiceField(
        label=_("Annotators"), required=False, widget=forms.CheckboxSelectMultiple
    )
    generator = forms.MultipleChoiceField(
        label=_("Answers written by"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("Every answer that was judged is by one of these."),
    )
    strength = forms.MultipleChoiceField(
        label=_("Strength"),
        required=False,
        choices=Strength.choices,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("Of comparisons; choosing one leaves rankings out."),
    )
    since = forms.DateField(label=_("Judged from"), required=False, widget=forms.DateInput(DATE))
    until = forms.DateField(label=_("Judged before"), required=False, widget=forms.DateInput(DATE))
    q = forms.CharField(label=_("Words of the prompt"), required=False, max_length=200)
    tag = forms.CharField(label=_("Tag"), required=False, max_length=60)
    source = forms.MultipleChoiceField(
        label=_("Source"), required=False, widget=forms.CheckboxSelectMultiple
    )
    use_case = forms.MultipleChoiceField(
        label=_("Use case"), required=False, widget=forms.CheckboxSelectMultiple
    )
    language = forms.MultipleChoiceField(
        label=_("Language"), required=False, widget=forms.CheckboxSelectMultiple
    )
    split = forms.MultipleChoiceField(
        label=_("Split of the prompt"),
        required=False,
        choices=[(value, label) for value, label in Split.choices if value != Split.HELD_OUT],
        widget=forms.CheckboxSelectMultiple,
    )
    ties = forms.ChoiceField(label=_("Ties"), choices=TIE_CHOICES, initial=Ties.KEEP.value)
    margins = forms.ChoiceField(label=_("Margins"), choices=MARGIN_CHOICES)
    shape = forms.ChoiceField(label=_("Texts"), choices=SHAPE_CHOICES)
    validation = forms.DecimalField(
        label=_("Validation, in per cent of the prompts"),
        initial=5,
        min_value=0,
        max_value=100,
        max_digits=5,
        decimal_places=2,
        help_text=_("By the prompt’s hash: the same prompt is on the same side in every snapshot."),
    )
    people = forms.BooleanField(
        label=_("Number the annotators (person-1, person-2 …)"), required=False, initial=True
    )

    by_task = forms.BooleanField(
        label=_("Hold out whole tasks, not single prompts"),
        required=False,
        help_text=_(
            "The per cent are then of tasks, and a task's prompts are all on one side: what is "
            "measured is how the model does on tasks it has not seen. A prompt's task is what its "
            "import calls so, else its source."
        ),
    )
    rationales = forms.BooleanField(
        label=_("Write the reasoning before the answer"),
        required=False,
        help_text=_("Of demonstrations that came with one (chain of thought)."),
    )

    reward = forms.ModelChoiceField(
        ModelVersion.objects.none(),
        label=_("Reward model"),
        required=False,
        empty_label=_("None: every row is kept"),
        help_text=_("Of pairs, or of prompts with completions. It scores them when they freeze."),
    )
    least = forms.DecimalField(
        label=_("Drop what is worth less than"),
        required=False,
        help_text=_(
            "A pair is worth the score of the chosen answer less that of the rejected one: -0.5 "
            "drops pairs that the model disagrees with by more than 0.5. An answer is worth its "
            "score."
        ),
    )
    lowest = forms.DecimalField(
        label=_("or drop the lowest, in per cent"),
        required=False,
        min_value=0,
        max_value=100,
        help_text=_("Of the rows, by the same value. Ties are always kept."),
    )

    JUDGEMENTS = ("campaign", "judged_by", "annotator", "generator", "strength", "since", "until")
    PROMPTS = ("q", "tag", "source", "use_case", "language", "split")
    SCREEN = ("reward", "least", "lowest")
    WRITING = ("ties", "margins", "shape", "validation", "by_task", "rationales", "people")

    def __init__(self, *args: Any, workspace: Workspace, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        prompts = Prompt.objects.filter(workspace=workspace)
        campaigns = Campaign.objects.filter(workspace=workspace)
        people = User.objects.filter(memberships__workspace=workspace).order_by("name", "email")
        answers = Completion.objects.filter(prompt__workspace=workspace)
        self._choose("campaign", campaigns.values_list("pk", "name")[:MOST_CHOICES])
        self._choose("annotator", [(person.pk, str(person)) for person in people[:MOST_CHOICES]])
        self._choose("generator", self._named(answers, "generator"))
        for name in ("source", "use_case", "language"):
            self._choose(name, self._named(prompts, name))
        rewards = self.fields["reward"]
        assert isinstance(rewards, forms.ModelChoiceField)
        rewards.queryset = ready_models(workspace, ModelKind.REWARD)
        if not rewards.queryset.exists():
            for name in self.SCREEN:
                del self.fields[name]

    @staticmethod
    def _named(rows: Any, column: str) -> list[tuple[str, str]]:
        """The values that there are, the first of them by name; none stands as "-" in a filter."""
        found = rows.order_by(column).values_list(column, flat=True).distinct()[:MOST_CHOICES]
        return [(name, name) for name in found if name]

    def _choose(self, name: str, choices: Any) -> None:
        field = self.fields[name]
        assert isinstance(field, forms.MultipleChoiceField)
        found = [(str(value), label) for value, label in choices]
        field.choices = found
        if not found:
            del self.fields[name]

    @property
    def judgement_fields(self) -> list[forms.BoundField]:
        return [self[name] for name in self.JUDGEMENTS if name in self.fields]

    @property
    def prompt_fields(self) -> list[forms.BoundField]:
        return [self[name] for name in self.PROMPTS if name in self.fields]

    @property
    def screen_fields(self) -> list[forms.BoundField]:
        return [self[name] for name in self.SCREEN if name in self.fields]

    @property
    def writing_fields(self) -> list[forms.BoundField]:
        return [self[name] for name in self.WRITING]


def read_choice(params: QueryDict) -> tuple[ExportPlan, JudgementFilter]:
    """What a page's form says so far, for the preview and for freezing.

    Raises:
        ValidationError: a value that cannot be.
    """
    share = (params.get("validation") or "5").replace(",", ".")
    try:
        per_cent = float(share)
    except ValueError:
        raise ValidationError(
            _("The validation share is %(share)s; write a number from 0 to 100.")
            % {"share": repr(share[:40])}
        ) from None
    settings = {name: params[name] for name in ("ties", "margins", "shape") if params.get(name)} | {
        "validation_share": round(per_cent / 100, 6),
        **{name: params.get(name) == "on" for name in ("people", "by_task", "rationales")},
    }
    kind = params.get("type") or Kind.PREFERENCE.value
    return ExportPlan.from_settings(kind, settings), JudgementFilter.from_params(params)
