"""The forms of the registry."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from training.actions.merge_adapter import bases_for
from training.models import ModelVersion, Stage


class FolderInput(forms.FileInput):
    """A whole folder, where the browser can choose one; else several files."""

    allow_multiple_selected = True

    def __init__(self, *, folder: bool) -> None:
        super().__init__({"multiple": True, **({"webkitdirectory": True} if folder else {})})

    def value_from_datadict(self, data: Any, files: Any, name: str) -> Any:
        return files.getlist(name) if hasattr(files, "getlist") else files.get(name)


class ManyFiles(forms.FileField):
    def clean(self, data: Any, initial: Any = None) -> Any:
        return [super(ManyFiles, self).clean(file, initial) for file in data or []]


class ImportModelForm(forms.Form):
    name = forms.CharField(
        label=_("Name"),
        max_length=80,
        help_text=_("A name that is taken already gets its next version."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    repository = forms.CharField(
        label=_("Id on the hub"),
        max_length=200,
        required=False,
        help_text=_("owner/name; only safetensors, tokenizer and configuration are fetched."),
    )
    revision = forms.CharField(
        label=_("Revision"),
        max_length=100,
        required=False,
        help_text=_("A branch, tag or commit; empty: main."),
    )
    folder = ManyFiles(
        label=_("or a folder from this computer"),
        required=False,
        widget=FolderInput(folder=True),
        help_text=_("config.json, tokenizer and .safetensors files. Pickles and code are refused."),
    )
    archive = ManyFiles(
        label=_("or a zip of such a folder"), required=False, widget=FolderInput(folder=False)
    )
    licence = forms.CharField(
        label=_("Licence"),
        max_length=100,
        required=False,
        help_text=_("Such as apache-2.0; models that are trained from it inherit the line."),
    )

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        sources = [name for name in ("repository", "folder", "archive") if given.get(name)]
        if len(sources) != 1 and not self.errors:
            raise forms.ValidationError(
                _("Choose one source: an id on the hub, a folder, or a zip.")
            )
        return given


class MergeForm(forms.Form):
    """A whole model of an adapter: which base it is put on, and what comes out is called."""

    base = forms.ModelChoiceField(
        ModelVersion.objects.none(),
        label=_("Its base"),
        empty_label=_("Choose"),
        help_text=_("The model that it was trained on. Another one is refused where it differs."),
    )
    name = forms.CharField(
        label=_("Name of the whole model"),
        max_length=80,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )

    def __init__(self, adapter: ModelVersion, *args: Any) -> None:
        super().__init__(*args)
        self.fields["name"].initial = f"{adapter.name}-merged"[:80]
        base = self.fields["base"]
        assert isinstance(base, forms.ModelChoiceField)
        base.queryset = bases_for(adapter.workspace, adapter)


class PushForm(forms.Form):
    """Where a model is pushed to, and by whose leave."""

    repository = forms.CharField(
        label=_("Id on the hub"),
        max_length=200,
        help_text=_("owner/name; made if it is not there yet."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    token = forms.CharField(
        label=_("Token of the hub"),
        max_length=1000,
        help_text=_("With leave to write there. Kept encrypted until the push has succeeded."),
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
    )
    public = forms.BooleanField(
        label=_("Everybody may fetch it"),
        required=False,
        help_text=_("If it is made now. Not ticked, it is private."),
    )


class ModelForm(forms.Form):
    stage = forms.ChoiceField(label=_("Stage"), choices=Stage.choices)
    note = forms.CharField(
        label=_("Note"),
        required=False,
        max_length=5000,
        widget=forms.Textarea(attrs={"rows": 3}),
    )

    @classmethod
    def of(cls, version: ModelVersion, data: Any = None) -> "ModelForm":
        return cls(data, initial={"stage": version.stage, "note": version.note})
