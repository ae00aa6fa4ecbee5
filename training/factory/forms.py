"""The forms of the wizards: a new run, its settings, and a person's word on one candidate."""

from decimal import Decimal
from typing import Any

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from annotation.models import Prompt
from annotation.prompt_filter import PromptFilter
from training.factory.actions.review import CHECKS, LONGEST_REASON, Edited
from training.factory.actions.start_run import LONGEST_NAME, RunPlan
from training.factory.plan import KINDS, LONGEST_OPENING, NUMBERS, Settings
from training.factory.queries import spending
from training.model_queries import askable
from training.models import FactoryRun, FactoryStep, ModelEndpoint, Wizard
from webapp.workspaces.models import Workspace

MOST_SOURCES = 200
RULES = [
    ("code", gettext_lazy("at most the threshold, as the published code has it")),
    ("paper", gettext_lazy("below the threshold, as the paper says")),
]
LABELS: dict[str, tuple[Any, Any]] = {
    "wanted": (gettext_lazy("Instructions to keep"), ""),
    "most_requests": (
        gettext_lazy("Requests for lists at most"),
        gettext_lazy("The run ends there, however little was kept."),
    ),
    "at_once": (gettext_lazy("Lists between two looks at what came"), ""),
    "human": (gettext_lazy("Examples of people in a request"), ""),
    "machine": (
        gettext_lazy("Examples of the machine"),
        gettext_lazy("Of those it wrote so far; while there are none, people’s take their place."),
    ),
    "classes_only": (gettext_lazy("Classification tasks alone"), ""),
    "most_instances": (gettext_lazy("Instances of a task"), ""),
    "opening": (
        gettext_lazy("Line above the examples"),
        gettext_lazy("Empty: “Come up with a series of tasks:”, as published."),
    ),
    "bare_answers": (
        gettext_lazy("An unmarked answer is an output"),
        gettext_lazy("Chat models simply do the task. The published code finds no instance there."),
    ),
    "paraphrases": (
        gettext_lazy("Paraphrases of each request"),
        gettext_lazy("0: the requests themselves are refused, in their own words."),
    ),
    "check_intent": (
        gettext_lazy("Ask the model whether a paraphrase still wants the same"),
        gettext_lazy("What it says no to goes no further."),
    ),
    "refuse_seeds": (gettext_lazy("Refuse the harmful requests themselves too"), ""),
    "ask_plainly": (
        gettext_lazy("Ask the requests plainly too"),
        gettext_lazy(
            "Where the model complies, its answer is the worse one of a pair; how often it refuses "
            "is measured."
        ),
    ),
    "temperature": (
        gettext_lazy("Temperature"),
        gettext_lazy("Of the first step; the others take the likeliest words."),
    ),
    "top_p": (gettext_lazy("Top p"), ""),
    "presence_penalty": (gettext_lazy("Presence penalty"), ""),
    "max_tokens": (gettext_lazy("Tokens of a list or paraphrase"), ""),
    "answer_tokens": (gettext_lazy("Tokens of every other answer"), ""),
    "threshold": (
        gettext_lazy("ROUGE-L of the nearest text"),
        gettext_lazy("What is more alike is rejected."),
    ),
    "rule": (gettext_lazy("A text is new when it is"), ""),
    "other_scripts": (
        gettext_lazy("Other scripts than Latin"),
        gettext_lazy(
            "ROUGE-L drops every letter beyond a–z, so that two such texts never look alike: these "
            "are compared by character 3-grams, and may begin with any letter."
        ),
    ),
    "seed": (gettext_lazy("Seed"), gettext_lazy("The same seed asks the same questions.")),
}
ALL = "all"  # for a workspace whose prompts name no source
FIRST = ("wanted", "paraphrases", "refuse_seeds", "ask_plainly", "check_intent")


def _field(name: str, value: Any) -> forms.Field:
    label, help_text = LABELS[name]
    known: dict[str, Any] = {"label": label, "help_text": help_text, "initial": value}
    if isinstance(value, bool):
        return forms.BooleanField(required=False, **known)
    if name == "rule":
        return forms.ChoiceField(choices=RULES, **known)
    if isinstance(value, str):
        return forms.CharField(required=False, max_length=LONGEST_OPENING, **known)
    least, most = NUMBERS[name]
    known |= {"min_value": least, "max_value": most}
    if isinstance(value, int):
        return forms.IntegerField(**known)
    return forms.FloatField(**known, widget=forms.NumberInput(attrs={"step": "any"}))


class SettingsForm(forms.Form):
    """Settings of a run as they are, and its budget. data None: shows them."""

    budget = forms.DecimalField(
        required=False,
        min_value=0,
        max_value=99_999,
        max_digits=14,
        decimal_places=6,
        label=gettext_lazy("Budget"),
        help_text=gettext_lazy("The run stops before it costs more. Empty: no limit."),
    )

    def __init__(
        self, data: Any = None, *, settings: Settings, budget: Decimal | None = None, **kwargs: Any
    ) -> None:
        super().__init__(data, initial={"budget": budget}, **kwargs)
        self.names = list(settings.as_json())
        for name, value in settings.as_json().items():
            self.fields[name] = _field(name, value)
        first = [name for name in FIRST if name in self.names]
        self.order_fields([*first, "budget", *(n for n in self.names if n not in first)])

    @property
    def few(self) -> list[Any]:
        """What most people look at."""
        names = [name for name in self.fields if name in FIRST or name not in self.names]
        return [self[name] for name in names]

    @property
    def others(self) -> list[Any]:
        return [self[name] for name in self.fields if name in self.names and name not in FIRST]

    def changes(self) -> dict[str, Any]:
        return {name: self.cleaned_data[name] for name in self.names}


class RunForm(SettingsForm):
    """A new run. `chosen`: the filter of the address, when it came from the prompt browser."""

    name = forms.CharField(
        label=gettext_lazy("Name"),
        max_length=LONGEST_NAME,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    licence = forms.CharField(
        label=gettext_lazy("Licence of what it writes"),
        required=False,
        max_length=100,
        help_text=gettext_lazy("Kept with every prompt; the model’s terms may say."),
    )

    def __init__(
        self, data: Any = None, *, workspace: Workspace, kind: str, chosen: PromptFilter
    ) -> None:
        super().__init__(data, settings=KINDS[kind]())
        self.kind, self.chosen = kind, chosen
        self.fields["model"] = forms.ModelChoiceField(
            askable(workspace), label=_("Model that writes"), empty_label=None
        )
        sources = _sources(workspace)
        safe = kind == Wizard.SAFE_RESPONSES
        if not chosen.as_json():
            self.fields["seeds"] = forms.ChoiceField(
                choices=sources,
                label=_("Harmful requests") if safe else _("Seeds"),
                help_text=_("The prompts of one source, with their licence and category.")
                if safe
                else _("The prompts of one source, with their demonstrations as instances."),
            )
        if safe:
            self.fields["look_alikes"] = forms.ChoiceField(
                choices=[("", _("none")), *sources],
                required=False,
                label=_("Harmless look-alikes"),
                help_text=_("They sound harmful and are not: who refuses them refuses too much."),
            )
        self.order_fields(
            ["name", "model", "seeds", "look_alikes", *FIRST, "budget", "licence", *self.names]
        )

    @property
    def before(self) -> list[Any]:
        """What is said first: of whom, from what."""
        names = ("name", "model", "seeds", "look_alikes", "licence")
        return [self[name] for name in names if name in self.fields]

    @property
    def few(self) -> list[Any]:
        before = {field.name for field in self.before}
        return [field for field in super().few if field.name not in before]

    @property
    def has_sources(self) -> bool:
        field = self.fields.get("seeds")
        return not isinstance(field, forms.ChoiceField) or bool(field.choices)

    def plan(self) -> RunPlan:
        """Raises ValidationError for what the fields alone cannot tell."""
        given = self.cleaned_data
        model: ModelEndpoint = given["model"]
        look_alikes = given.get("look_alikes")
        return RunPlan(
            name=given["name"],
            endpoint=model,
            settings=KINDS[self.kind].from_json(self.changes()),
            seeds=self.chosen if self.chosen.as_json() else _of(given["seeds"]),
            look_alikes=_of(look_alikes) if look_alikes else None,
            budget=given["budget"],
            licence=given["licence"],
        )


def _sources(workspace: Workspace) -> list[tuple[str, str]]:
    """A filter as an address, and its name: sources, and the tags of prompts that have any."""
    live = Prompt.objects.filter(workspace=workspace, retired_at__isnull=True)
    names = live.exclude(source="").order_by("source").values_list("source", flat=True).distinct()
    found = [(_query("source", name), name) for name in names[:MOST_SOURCES]]
    if not found and live.exists():
        found = [(ALL, _("all prompts"))]
    return found


def _query(name: str, value: str) -> str:
    given = QueryDict(mutable=True)
    given[name] = value
    return given.urlencode()


def _of(query: str) -> PromptFilter:
    return PromptFilter() if query == ALL else PromptFilter.from_params(QueryDict(query))


class ReviewForm(forms.Form):
    """One candidate before a person. The button says what is done with it."""

    instruction = forms.CharField(
        label=gettext_lazy("Instruction"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 3, "dir": "auto"}),
    )
    input = forms.CharField(
        label=gettext_lazy("Input"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 3, "dir": "auto"}),
    )
    text = forms.CharField(
        label=gettext_lazy("Answer"),
        required=False,
        widget=forms.Textarea(
            attrs={
                "rows": 7,
                "dir": "auto",
                "data-key": "e",
                "data-key-label": gettext_lazy("Edit the answer"),
            }
        ),
    )
    checks = forms.MultipleChoiceField(
        label=gettext_lazy("The reply"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        choices=list(
            zip(
                CHECKS,
                (
                    gettext_lazy("refuses"),
                    gettext_lazy("gives no detail that could be of use"),
                    gettext_lazy("offers help with something harmless"),
                ),
                strict=True,
            )
        ),
    )
    reason = forms.CharField(
        label=gettext_lazy("Reason, when you reject it"),
        required=False,
        max_length=LONGEST_REASON,
        widget=forms.TextInput(
            attrs={
                "list": "reasons",
                "data-key": "r",
                "data-key-label": gettext_lazy("Say why it is rejected"),
            }
        ),
    )

    def __init__(self, data: Any = None, *, step: str, **kwargs: Any) -> None:
        super().__init__(data, **kwargs)
        if step != FactoryStep.REFUSALS:
            del self.fields["checks"]
        if step != FactoryStep.INSTANCES:
            del self.fields["instruction"], self.fields["input"]

    def edited(self) -> Edited:
        given = self.cleaned_data
        return Edited(given["text"], given.get("input"), given.get("instruction"))


def settings_form(run: FactoryRun, settings: Settings, data: Any = None) -> SettingsForm:
    """The form of a run's settings, with what is spent beside the budget."""
    form = SettingsForm(data, settings=settings, budget=run.batch.budget, prefix="set")
    spent = spending(run)["cost"]
    form.fields["budget"].help_text = _(
        "So far %(spent)s. The run stops before it costs more. Empty: no limit."
    ) % {"spent": f"{spent:.4f}"}
    return form
