from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from webapp.jobs.kinds import label_of
from webapp.jobs.models import ACTIVE, Job, State

SHOWN = [
    ("", _("All")),
    ("active", _("Not finished")),
    *State.choices,
]


class FindJobsForm(forms.Form):
    """What the list shows. Every value is one of ours; anything else is refused."""

    state = forms.ChoiceField(label=_("State"), choices=SHOWN, required=False)
    kind = forms.ChoiceField(label=_("Kind"), required=False)

    def __init__(self, data: Any, jobs: Any) -> None:
        super().__init__(data)
        kinds = jobs.order_by("kind").values_list("kind", flat=True).distinct()
        choices = [("", _("All")), *((kind, label_of(kind)) for kind in kinds)]
        self.fields["kind"].choices = choices  # type: ignore[attr-defined]

    def narrow(self, jobs: Any) -> Any:
        """The jobs that were asked for; none when the question makes no sense."""
        if not self.is_bound:
            return jobs
        if not self.is_valid():
            return Job.objects.none()
        state, kind = self.cleaned_data["state"], self.cleaned_data["kind"]
        if state:
            jobs = jobs.filter(state__in=ACTIVE if state == "active" else [state])
        return jobs.filter(kind=kind) if kind else jobs
