from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class WorkspacesConfig(AppConfig):
    name = "webapp.workspaces"
    label = "workspaces"

    def ready(self) -> None:
        from webapp import navigation
        from webapp.workspaces.models import Role

        manager, viewer = Role.MANAGER.value, Role.VIEWER.value
        navigation.register(0, _("Home"), "workspace_home", icon="home")
        navigation.register(80, _("Members"), "workspace_members", (manager, viewer), icon="people")
        navigation.register(90, _("Audit"), "workspace_audit", (manager,), icon="history")
        navigation.register(95, _("Settings"), "workspace_settings", (manager,), icon="settings")
        site = navigation.SITE
        navigation.register(0, _("Overview"), "site", section=site, icon="home")
        navigation.register(10, _("People"), "site_people", section=site, icon="people")
        navigation.register(20, _("Workspaces"), "site_workspaces", section=site, icon="layers")
        navigation.register(90, _("Audit"), "site_audit", section=site, icon="history")
