"""The page on which a board is made or changed, its sharing, its snapshots, its planner."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from annotation.boards.actions.board import BoardPlan
from annotation.boards.definition import Definition, WrongDefinition
from annotation.judgement_filter import JudgementFilter
from annotation.models import Board, BoardSnapshot, Campaign, Completion, Source
from webapp.accounts.models import User
from webapp.workspaces.models import Workspace

TIES = [
    ("half", _("half a win for each side")),
    ("davidson", _("a probability of their own (Davidson)")),
    ("rao_kupper", _("a probability of their own (Rao and Kupper)")),
]
INTERVALS = [
    ("clustered", _("clustered by annotator and prompt")),
    ("sandwich", _("sandwich: every vote independent")),
    ("fisher", _("Fisher: independent and without ties")),
    ("bootstrap", _("bootstrap: every vote independent")),
]
WEIGHTS = [
    ("none", _("every vote alike")),
    ("pairs", _("every pair of models alike")),
    ("probability", _("by one over the stored probability of the pair")),
]
STOPPING = [
    ("none", _("none: the page warns of early claims")),
    ("looks", _("fixed looks (O’Brien and Fleming)")),
    ("e_value", _("at any time (e-process)")),
]
GOALS = [
    ("order", _("every two neighbours in the order")),
    ("leader", _("who leads")),
]
MOST_CHOICES = 500


class BoardForm(forms.Form):
    name = forms.CharField(label=_("Name"), max_length=100)
    description = forms.CharField(
        label=_("In words"),
        required=False,
        max_length=500,
        help_text=_("Whose strength at what, for whoever reads the board."),
    )
    campaigns = forms.TypedMultipleChoiceField(
        label=_("Votes of these campaigns"),
        required=False,
        coerce=int,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("None chosen: of all, and of imports."),
    )
    generators = forms.MultipleChoiceField(
        label=_("Only between these models"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("None chosen: all."),
    )
    sources = forms.MultipleChoiceField(
        label=_("Given by"),
        required=False,
        choices=Source.choices,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("None chosen: all, each with figures of its own."),
    )
    annotators = forms.ModelMultipleChoiceField(
        label=_("Only by these people"),
        queryset=User.objects.none(),
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    since = forms.DateField(
        label=_("From"), required=False, widget=forms.DateInput(attrs={"type": "date"})
    )
    until = forms.DateField(
        label=_("Before"), required=False, widget=forms.DateInput(attrs={"type": "date"})
    )
    ties = forms.ChoiceField(label=_("A tie is"), choices=TIES, initial="half")
    interval = forms.ChoiceField(label=_("Interval"), choices=INTERVALS, initial="clustered")
    weights = forms.ChoiceField(label=_("Weights"), choices=WEIGHTS, initial="none")
    position = forms.BooleanField(
        label=_("Take out the effect of being shown first"), required=False
    )
    cap_duplicates = forms.BooleanField(
        label=_("Cut prompts that are asked far too often"), required=False, initial=True
    )
    drop_leaked = forms.BooleanField(
        label=_("Leave out votes whose answers name their maker"), required=False, initial=True
    )
    anchor = forms.CharField(
        label=_("Anchor model"),
        required=False,
        max_length=200,
        help_text=_("The whole scale is shifted so that it has the rating below."),
    )
    anchor_rating = forms.FloatField(
        label=_("Its rating"), initial=1000, min_value=-10_000, max_value=10_000
    )
    reference = forms.CharField(
        label=_("Reference"),
        required=False,
        max_length=200,
        help_text=_("A model or the author of human texts, for win rates as AlpacaEval counts."),
    )
    controls = forms.MultipleChoiceField(
        label=_("Controls"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=_(
            "Models whose answers say nothing, or the same in more words: whoever prefers them "
            "does not judge content. None chosen: those that are named so."
        ),
    )
    prior_sd = forms.FloatField(
        label=_("Prior, standard deviation in logits"),
        required=False,
        min_value=0.01,
        max_value=100,
        help_text=_("Empty: none. 2 rates also a model that only wins, and the page says so."),
    )
    elo_k = forms.FloatField(
        label=_("Elo: points per vote"), initial=4, min_value=0.1, max_value=400
    )
    stopping = forms.ChoiceField(label=_("Stopping rule"), choices=STOPPING, initial="none")
    goal = forms.ChoiceField(label=_("It decides"), choices=GOALS, initial="order", required=False)
    looks = forms.IntegerField(label=_("Looks"), initial=5, min_value=1, max_value=20)
    planned_votes = forms.IntegerField(
        label=_("Votes planned"), required=False, min_value=1, max_value=10**9
    )
    groups = forms.CharField(
        label=_("Groups of annotators"),
        required=False,
        max_length=20_000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("One group per line, as “experts: Ann, Bob”. Each becomes a slice."),
    )
    seed = forms.IntegerField(label=_("Seed"), initial=0, min_value=0, max_value=2**31 - 1)

    def __init__(self, *args: Any, workspace: Workspace, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        campaigns = Campaign.objects.filter(workspace=workspace).order_by("-pk")
        named = campaigns.values_list("pk", "name")[:MOST_CHOICES]
        self._choose("campaigns", [(str(pk), name) for pk, name in named])
        generators = (
            Completion.objects.filter(prompt__workspace=workspace)
            .exclude(generator="")
            .order_by("generator")
            .values_list("generator", flat=True)
            .distinct()[:MOST_CHOICES]
        )
        named_models = [(name, name) for name in generators]
        self._choose("generators", named_models)
        self._choose("controls", named_models)
        people = self.fields["annotators"]
        assert isinstance(people, forms.ModelMultipleChoiceField)
        people.queryset = User.objects.filter(memberships__workspace=workspace).order_by(
            "name", "email"
        )

    def parts(self) -> list[tuple[str, list[forms.BoundField], bool]]:
        """(title, fields, whether it stands open) in the order of the page.

        What a person seldom changes is folded until it was changed or has an error; a choice among
        nothing is left out.
        """
        found = []
        for title, names, folded in PARTS:
            fields = [self[name] for name in names if getattr(self.fields[name], "choices", True)]
            said = any(field.errors or _differs(field) for field in fields)
            found.append((str(title), fields, not folded or said))
        return found

    def _choose(self, name: str, choices: list[tuple[str, str]]) -> None:
        field = self.fields[name]
        assert isinstance(field, forms.MultipleChoiceField)
        field.choices = choices

    def clean_goal(self) -> str:
        return self.cleaned_data["goal"] or "order"

    def clean_groups(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for line in self.cleaned_data["groups"].splitlines():
            if not line.strip():
                continue
            name, colon, people = line.partition(":")
            if not colon or not name.strip():
                raise forms.ValidationError(
                    _("“%(line)s” names no group. Write one like “experts: Ann, Bob”."),
                    params={"line": line.strip()[:80]},
                )
            found[name.strip()] = [one.strip() for one in people.split(",") if one.strip()]
        return found

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        if cleaned is None or self.errors:
            return cleaned
        try:
            self.plan = self._plan(cleaned)
        except WrongDefinition as wrong:
            self.add_error(wrong.field if wrong.field in self.fields else None, str(wrong))
        except ValidationError as refused:
            self.add_error(None, refused)
        return cleaned

    def _plan(self, cleaned: dict[str, Any]) -> BoardPlan:
        if cleaned["stopping"] == "looks" and not cleaned["planned_votes"]:
            raise WrongDefinition(
                "planned_votes", str(_("Looks are at shares of a plan: say how many votes it has."))
            )
        chosen: dict[str, Any] = {
            "campaigns": cleaned["campaigns"],
            "generators": cleaned["generators"],
            "sources": cleaned["sources"],
            "annotators": [person.pk for person in cleaned["annotators"]],
        }
        chosen |= {name: cleaned[name].isoformat() for name in ("since", "until") if cleaned[name]}
        return BoardPlan(
            name=cleaned["name"],
            description=cleaned["description"],
            filter=JudgementFilter.from_json(chosen),
            definition=Definition.from_json(
                {name: cleaned[name] for name in DEFINED if name in cleaned}
            ),
        )


# Title, fields, and whether it is folded while all is as it comes.
PARTS = (
    ("", ("name", "description"), False),
    (
        _("Which votes"),
        ("campaigns", "generators", "sources", "annotators", "since", "until"),
        False,
    ),
    (
        _("How votes become figures"),
        (
            "ties",
            "interval",
            "weights",
            "position",
            "cap_duplicates",
            "drop_leaked",
            "prior_sd",
            "elo_k",
            "seed",
        ),
        True,
    ),
    (_("Scale, reference, controls"), ("anchor", "anchor_rating", "reference", "controls"), True),
    (_("When to stop"), ("stopping", "goal", "looks", "planned_votes"), True),
    (_("Groups of annotators"), ("groups",), True),
)


def _differs(field: forms.BoundField) -> bool:
    """Whether something else stands in it than on an empty form."""
    now, at_first = field.value() or None, field.field.initial or None
    return bool(now != at_first) and str(now) != str(at_first)


DEFINED = (
    "ties",
    "interval",
    "weights",
    "position",
    "cap_duplicates",
    "drop_leaked",
    "anchor",
    "anchor_rating",
    "reference",
    "controls",
    "prior_sd",
    "elo_k",
    "stopping",
    "goal",
    "looks",
    "planned_votes",
    "groups",
    "seed",
)


def initial_of(board: Board) -> dict[str, Any]:
    """What the form shows of a board that exists."""
    chosen = JudgementFilter.from_json(board.filter)
    definition: Mapping[str, Any] = Definition.from_json(board.definition).as_json()
    initial = {name: definition[name] for name in DEFINED}
    initial["groups"] = "\n".join(
        f"{name}: {', '.join(people)}" for name, people in definition["groups"].items()
    )
    return initial | {
        "name": board.name,
        "description": board.description,
        "campaigns": [str(pk) for pk in chosen.campaigns],
        "generators": list(chosen.generators),
        "sources": list(chosen.sources),
        "annotators": list(chosen.annotators),
        "since": chosen.since.date() if chosen.since else None,
        "until": chosen.until.date() if chosen.until else None,
    }


class PlannerForm(forms.Form):
    """How many votes a goal needs. Read from the address: a plan is a link."""

    gap = forms.FloatField(
        label=_("Gap to see, in points"), initial=50, min_value=1, max_value=2000
    )
    half_width = forms.FloatField(
        label=_("Or half-width of a win rate, in per cent"),
        required=False,
        min_value=0.1,
        max_value=49,
    )
    power = forms.FloatField(label=_("Power, in per cent"), initial=80, min_value=50, max_value=99)
    alpha = forms.FloatField(label=_("Error, in per cent"), initial=5, min_value=0.1, max_value=20)
    annotators = forms.IntegerField(
        label=_("Annotators"), initial=12, min_value=1, max_value=100_000
    )
    effect = forms.FloatField(
        label=_("Design effect"),
        required=False,
        min_value=1,
        max_value=1000,
        help_text=_("Votes that stand for one independent vote. Empty: as measured on this board."),
    )


class FreezeForm(forms.Form):
    name = forms.CharField(
        label=_("Name of the snapshot"),
        max_length=100,
        widget=forms.TextInput(attrs={"placeholder": _("Round 3, before")}),
    )


class SnapshotChoice(forms.ModelChoiceField):
    def label_from_instance(self, obj: Any) -> str:
        return f"{obj.board.name}: {obj.name}"


class CompareForm(forms.Form):
    """Two snapshots of a workspace. Read from the address: a comparison is a link."""

    first = SnapshotChoice(label=_("Before"), queryset=BoardSnapshot.objects.none())
    second = SnapshotChoice(label=_("After"), queryset=BoardSnapshot.objects.none())

    def __init__(self, *args: Any, snapshots: QuerySet[BoardSnapshot], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("first", "second"):
            field = self.fields[name]
            assert isinstance(field, SnapshotChoice)
            field.queryset = snapshots


class StopsForm(forms.Form):
    """Which campaigns end with the board's question."""

    campaigns = forms.ModelMultipleChoiceField(
        label=_("Pause these campaigns when the rule has decided"),
        queryset=Campaign.objects.none(),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("A manager may resume them; they are paused once."),
    )

    def __init__(self, *args: Any, campaigns: QuerySet[Campaign], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["campaigns"]
        assert isinstance(field, forms.ModelMultipleChoiceField)
        field.queryset = campaigns


class ShareForm(forms.Form):
    on = forms.BooleanField(label=_("Whoever has the link may read this board"), required=False)
    people = forms.BooleanField(label=_("Names of annotators may be shown"), required=False)
    texts = forms.BooleanField(label=_("Prompts and answers may be read"), required=False)
