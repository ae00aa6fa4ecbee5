from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from webapp.api.models import ApiToken
from webapp.workspaces.access import workspaces_of
from webapp.workspaces.models import Workspace

DAYS = [(7, _("7 days")), (30, _("30 days")), (90, _("90 days")), (365, _("A year"))]


class TokenForm(forms.Form):
    name = forms.CharField(label=_("Name"), max_length=100, help_text=_("What will use it."))
    scope = forms.ChoiceField(
        label=_("Scope"), choices=ApiToken.Scope.choices, widget=forms.RadioSelect
    )
    workspace = forms.ModelChoiceField(
        label=_("Workspace"),
        queryset=Workspace.objects.none(),
        required=False,
        empty_label=_("All that I may see"),
        to_field_name="slug",
    )
    days = forms.TypedChoiceField(label=_("Works for"), choices=DAYS, coerce=int, initial=90)

    def __init__(self, user: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["workspace"].queryset = workspaces_of(user)  # type: ignore[attr-defined]
        self.initial.setdefault("scope", ApiToken.Scope.READ)
