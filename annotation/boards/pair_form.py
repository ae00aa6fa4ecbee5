"""The page on which a manager opens a campaign that chooses its pairs by a board's votes."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from annotation.actions.open_campaign import Plan
from annotation.boards.actions.draw_pairs import Drawing
from annotation.domain.pair_selection import EXPLORATION
from annotation.models import Board, Completion
from annotation.models.campaigns import Kind
from annotation.prompt_filter import PromptFilter
from webapp.workspaces.models import Workspace

STRATEGIES = [
    ("misorder", _("which models differ: the largest drop in pairs that may be misordered")),
    ("uncertainty", _("the order: the pair whose order is least certain")),
    ("a_optimal", _("the ratings: the largest drop in their summed variance")),
    ("near", _("place a new model: against those near its estimate")),
    ("uniform", _("every pair equally often")),
]
MOST_CHOICES = 500


class PairsForm(forms.Form):
    name = forms.CharField(label=_("Name of the campaign"), max_length=100)
    kind = forms.ChoiceField(
        label=_("People"),
        choices=[
            (Kind.COMPARISON, _("compare two answers")),
            (Kind.RANKING, _("rank several answers")),
        ],
        initial=Kind.COMPARISON,
    )
    answers = forms.IntegerField(
        label=_("Answers in a ranking"), initial=4, min_value=2, max_value=9
    )
    strategy = forms.ChoiceField(
        label=_("What the next vote is for"), choices=STRATEGIES, initial="misorder"
    )
    uniform = forms.IntegerField(
        label=_("Drawn evenly, in per cent"),
        initial=round(100 * EXPLORATION),
        min_value=0,
        max_value=100,
        help_text=_("At least 10 keeps every pair possible, so that votes can be weighted back."),
    )
    newcomer = forms.CharField(
        label=_("The new model"), required=False, max_length=200, help_text=_("For placing one.")
    )
    generators = forms.MultipleChoiceField(
        label=_("Among these models"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("None chosen: all that answer the prompts."),
    )
    tag = forms.CharField(label=_("Prompts with the tag"), required=False, max_length=60)
    use_case = forms.CharField(label=_("Prompts with the use case"), required=False, max_length=60)
    most = forms.IntegerField(label=_("Items in all"), initial=200, min_value=1, max_value=100_000)
    batch = forms.IntegerField(
        label=_("Items per batch"),
        initial=50,
        min_value=1,
        max_value=2_000,
        help_text=_("A batch is drawn when the one before is done; it knows all votes until then."),
    )
    overlap = forms.IntegerField(label=_("People per item"), initial=1, min_value=1, max_value=50)
    cap = forms.IntegerField(
        label=_("Items per person at most"), required=False, min_value=1, max_value=1_000_000
    )
    guidelines = forms.CharField(
        label=_("Guidelines"),
        required=False,
        max_length=50_000,
        widget=forms.Textarea(attrs={"rows": 6}),
    )

    def __init__(self, *args: Any, workspace: Workspace, board: Board, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.board = board
        names = (
            Completion.objects.filter(prompt__workspace=workspace, retired_at__isnull=True)
            .exclude(generator="")
            .order_by("generator")
            .values_list("generator", flat=True)
            .distinct()[:MOST_CHOICES]
        )
        field = self.fields["generators"]
        assert isinstance(field, forms.MultipleChoiceField)
        field.choices = [(name, name) for name in names]

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        if cleaned and cleaned.get("strategy") == "near" and not cleaned.get("newcomer"):
            self.add_error("newcomer", _("Say which model is new."))
        return cleaned

    def plan(self) -> Plan:
        cleaned = self.cleaned_data
        ranking = cleaned["kind"] == Kind.RANKING
        return Plan(
            name=cleaned["name"],
            kind=cleaned["kind"],
            guidelines=cleaned["guidelines"],
            overlap=cleaned["overlap"],
            answers=cleaned["answers"] if ranking else 2,
            generators=tuple(cleaned["generators"]),
            cap=cleaned["cap"],
        )

    def drawing(self) -> Drawing:
        cleaned = self.cleaned_data
        return Drawing(
            strategy=cleaned["strategy"],
            most=cleaned["most"],
            batch=cleaned["batch"],
            uniform_share=cleaned["uniform"] / 100,
            newcomer=cleaned["newcomer"],
            board=self.board,
            seed=self.board.definition.get("seed", 0),
        )

    def wanted(self) -> PromptFilter:
        cleaned = self.cleaned_data
        return PromptFilter(
            tags=(cleaned["tag"],) if cleaned["tag"] else (),
            use_cases=(cleaned["use_case"],) if cleaned["use_case"] else (),
        )
