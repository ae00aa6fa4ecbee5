from django import forms
from django.utils.translation import gettext_lazy as _

from webapp.webhooks.events import Event


class WebhookForm(forms.Form):
    url = forms.CharField(
        label=_("Address"),
        max_length=2000,
        help_text=_("An https address that takes a POST of JSON."),
        widget=forms.URLInput(attrs={"placeholder": "https://example.org/hooks/rondo"}),
    )
    events = forms.MultipleChoiceField(
        label=_("Tell it when"),
        choices=Event.choices,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("One message for each; an answer in a campaign is one too."),
    )
