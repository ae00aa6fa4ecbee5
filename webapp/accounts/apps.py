from importlib import import_module

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AccountsConfig(AppConfig):
    name = "webapp.accounts"
    label = "accounts"

    def ready(self) -> None:
        from webapp import navigation

        own = navigation.ACCOUNT
        navigation.register(5, _("Profile"), "account_profile", section=own, icon="person")
        navigation.register(60, _("API tokens"), "account_tokens", section=own, icon="cube")
        import_module("webapp.accounts.trail")  # connects its receivers
