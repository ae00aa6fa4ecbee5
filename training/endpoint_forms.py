"""The page on which a manager names a model that can be asked."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from training.actions.endpoint import EndpointPlan
from training.generate.wording import TURN, URIAL_EXAMPLES, URIAL_PREAMBLE
from training.models import EndpointKind, ModelEndpoint, ModelVersion, PromptStyle
from training.models.versions import ModelKind, VersionState
from webapp.workspaces.models import Workspace

BETWEEN_EXAMPLES, BETWEEN_TEXTS = "===", "---"
FIELDS = {
    EndpointKind.SERVICE: (
        *("name", "base_url", "model", "key", "style", "template", "preamble", "examples", "stop"),
        *("most_tokens", "at_once", "seconds", "price_in", "price_out", "budget", "in_arena"),
    ),
    EndpointKind.REGISTERED: (
        *("name", "version", "style", "template", "preamble", "examples", "stop"),
        *("most_tokens", "in_arena"),
    ),
    EndpointKind.RECORDED: ("name", "model", "in_arena"),
}


class EndpointForm(forms.Form):
    name = forms.CharField(
        max_length=100,
        label=gettext_lazy("Name"),
        help_text=gettext_lazy(
            "Under this name its answers stand in campaigns and on boards. It cannot be changed."
        ),
    )
    base_url = forms.CharField(
        max_length=500,
        label=gettext_lazy("Address"),
        help_text=gettext_lazy("Up to and with /v1, for example https://api.example.org/v1"),
    )
    version = forms.ModelChoiceField(
        queryset=ModelVersion.objects.none(), label=gettext_lazy("Registered model")
    )
    model = forms.CharField(
        max_length=200,
        label=gettext_lazy("Model"),
        help_text=gettext_lazy("As the service names it."),
    )
    key = forms.CharField(
        max_length=1000,
        required=False,
        label=gettext_lazy("Key"),
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
        help_text=gettext_lazy("Kept encrypted; only its last four characters are ever shown."),
    )
    style = forms.ChoiceField(
        choices=PromptStyle.choices,
        initial=PromptStyle.CHAT,
        label=gettext_lazy("How it is asked"),
        help_text=gettext_lazy(
            "Chat for models that know turns. A base model continues a text: the template alone, "
            "or URIAL, which puts a preamble and examples before it. It needs a strong base model; "
            "a small one does not become useful by it."
        ),
    )
    template = forms.CharField(
        required=False,
        max_length=5000,
        label=gettext_lazy("Template of a turn"),
        widget=forms.Textarea(attrs={"rows": 4, "placeholder": TURN}),
        help_text=gettext_lazy(
            "For base models: {prompt} is the question, and the answer follows the template."
        ),
    )
    preamble = forms.CharField(
        required=False,
        max_length=20_000,
        label=gettext_lazy("Preamble"),
        widget=forms.Textarea(attrs={"rows": 3, "placeholder": URIAL_PREAMBLE}),
    )
    examples = forms.CharField(
        required=False,
        max_length=60_000,
        label=gettext_lazy("Constant examples"),
        widget=forms.Textarea(attrs={"rows": 8}),
        help_text=gettext_lazy(
            "Question, a line with ---, answer; a line with === between examples. Left empty, "
            "URIAL begins with three of ours."
        ),
    )
    stop = forms.CharField(
        required=False,
        max_length=300,
        label=gettext_lazy("Stop texts"),
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=gettext_lazy("One a line, at most four. The answer ends where one begins."),
    )
    most_tokens = forms.IntegerField(
        initial=1024,
        min_value=1,
        max_value=32_768,
        label=gettext_lazy("Tokens of an answer at most"),
    )
    at_once = forms.IntegerField(
        initial=4, min_value=1, max_value=64, label=gettext_lazy("Requests at once")
    )
    seconds = forms.IntegerField(
        initial=120, min_value=1, max_value=1800, label=gettext_lazy("Seconds for one answer")
    )
    price_in = forms.DecimalField(
        initial=0,
        min_value=0,
        max_value=99_999,
        max_digits=12,
        decimal_places=6,
        label=gettext_lazy("Price of a million tokens in"),
        help_text=gettext_lazy("In any currency, the same for all prices and budgets here."),
    )
    price_out = forms.DecimalField(
        initial=0,
        min_value=0,
        max_value=99_999,
        max_digits=12,
        decimal_places=6,
        label=gettext_lazy("Price of a million tokens out"),
    )
    budget = forms.DecimalField(
        required=False,
        min_value=0,
        max_value=99_999,
        max_digits=14,
        decimal_places=6,
        label=gettext_lazy("Budget"),
        help_text=gettext_lazy("Nothing is asked that might cost more. Empty: no limit."),
    )
    in_arena = forms.BooleanField(required=False, label=gettext_lazy("Takes part in the arena"))

    def __init__(
        self,
        *args: Any,
        workspace: Workspace,
        kind: str,
        endpoint: ModelEndpoint | None = None,
        **kwargs: Any,
    ) -> None:
        if endpoint is not None:
            kwargs.setdefault("initial", _initial(endpoint))
        super().__init__(*args, **kwargs)
        self.kind, self.endpoint = kind, endpoint
        for name in list(self.fields):
            if name not in FIELDS[EndpointKind(kind)] or (endpoint and name == "name"):
                del self.fields[name]
        if kind == EndpointKind.REGISTERED:
            versions = self.fields["version"]
            assert isinstance(versions, forms.ModelChoiceField)
            versions.queryset = ModelVersion.objects.filter(
                workspace=workspace, state=VersionState.READY, kind=ModelKind.POLICY
            )
        if kind == EndpointKind.RECORDED:
            self.fields["model"].label = _("Generator")
            self.fields["model"].help_text = _(
                "The name under which its answers were imported into this workspace."
            )
        if endpoint is not None and endpoint.key and "key" in self.fields:
            self.fields["key"].help_text = _(
                "Stored: %(key)s. Empty keeps it, as long as the host stays the same; a new host "
                "needs its key again."
            ) % {"key": endpoint.shown_key}

    def clean_examples(self) -> tuple[dict[str, str], ...]:
        return tuple(examples_from(self.cleaned_data["examples"]))

    def plan(self) -> EndpointPlan:
        given = dict(self.cleaned_data)
        given.pop("name", None)
        given["key"] = given.get("key") or None
        if "stop" in given:
            lines = given["stop"].replace("\r\n", "\n").split("\n")
            given["stop"] = tuple(line for line in lines if line.strip())
        if "template" in given:
            given["template"] = given["template"].replace("\r\n", "\n")
        return EndpointPlan(**given)


def _initial(endpoint: ModelEndpoint) -> dict[str, Any]:
    initial = {name: getattr(endpoint, name) for name in EndpointForm.base_fields if name != "key"}
    return initial | {
        "stop": "\n".join(endpoint.stop),
        "examples": examples_text(endpoint.examples),
    }


def examples_text(examples: list[dict[str, str]]) -> str:
    """The examples as they stand in the form."""
    one = f"\n{BETWEEN_TEXTS}\n"
    return f"\n{BETWEEN_EXAMPLES}\n".join(
        example["prompt"] + one + example["answer"] for example in examples
    )


def examples_from(text: str) -> list[dict[str, str]]:
    """The examples of the form.

    Raises:
        ValidationError: an example without a line of --- between question and answer.
    """
    found = []
    lines = text.replace("\r\n", "\n").split("\n")
    parts: list[list[str]] = [[]]
    for line in lines:
        if line.strip() == BETWEEN_EXAMPLES:
            parts.append([])
        else:
            parts[-1].append(line)
    for number, part in enumerate(parts, start=1):
        whole = "\n".join(part).strip()
        if not whole:
            continue
        marks = [place for place, line in enumerate(part) if line.strip() == BETWEEN_TEXTS]
        if len(marks) != 1:
            raise ValidationError(
                _("Example %(n)d needs one line with --- between the question and the answer.")
                % {"n": number}
            )
        question, answer = part[: marks[0]], part[marks[0] + 1 :]
        found.append({"prompt": "\n".join(question).strip(), "answer": "\n".join(answer).strip()})
    return found


DEFAULT_EXAMPLES = examples_text(URIAL_EXAMPLES)
