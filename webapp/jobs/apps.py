from django.apps import AppConfig


class JobsConfig(AppConfig):
    name = "webapp.jobs"
    label = "jobs"

    def ready(self) -> None:
        from django.utils.module_loading import autodiscover_modules
        from django.utils.translation import gettext_lazy as _

        from webapp import navigation
        from webapp.doctor import examination
        from webapp.jobs.census import census
        from webapp.workspaces.models import Role

        autodiscover_modules("tasks")  # every app's tasks.py registers its job kinds
        examination("jobs")(census)
        readers = (Role.MANAGER.value, Role.VIEWER.value)
        site = navigation.SITE
        navigation.register(70, _("Jobs"), "workspace_jobs", readers, icon="activity")
        navigation.register(30, _("Jobs"), "site_jobs", section=site, icon="activity")
        navigation.register(40, _("Workers"), "site_workers", section=site, icon="server")
