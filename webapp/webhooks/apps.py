from django.apps import AppConfig


class WebhooksConfig(AppConfig):
    name = "webapp.webhooks"
    label = "webhooks"

    def ready(self) -> None:
        from django.utils.translation import gettext_lazy as _

        from webapp import navigation
        from webapp.workspaces.models import Role

        managers = (Role.MANAGER.value,)
        navigation.register(95, _("Webhooks"), "webhooks", managers, icon="link")
