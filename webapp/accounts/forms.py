import zoneinfo

from django import forms
from django.utils.translation import gettext_lazy as _


def time_zones() -> list[str]:
    """The names that the form suggests, UTC first."""
    return ["UTC", *sorted(zoneinfo.available_timezones() - {"UTC", "localtime", "Factory"})]


class ProfileForm(forms.Form):
    name = forms.CharField(
        label=_("Name"),
        max_length=150,
        required=False,
        help_text=_("How others see you. Without one they see your e-mail address."),
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )
    time_zone = forms.CharField(
        label=_("Time zone"),
        max_length=60,
        help_text=_("UTC, or a name such as Europe/Berlin. Times on all pages are shown in it."),
        # Suggestions and not a select: its six hundred options took longer than all the rest.
        widget=forms.TextInput(attrs={"list": "time-zones", "autocomplete": "off"}),
    )


class NewPersonForm(forms.Form):
    email = forms.EmailField(label=_("E-mail address"))
    name = forms.CharField(label=_("Name"), max_length=150, required=False)


class FindPersonForm(forms.Form):
    STATES = [
        ("", _("All people")),
        ("active", _("Enabled")),
        ("disabled", _("Disabled")),
        ("admins", _("Site admins")),
    ]
    search = forms.CharField(
        label=_("Name or e-mail"),
        required=False,
        max_length=100,
        widget=forms.TextInput(attrs={"type": "search"}),
    )
    state = forms.ChoiceField(label=_("State"), choices=STATES, required=False)
