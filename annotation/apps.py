from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AnnotationConfig(AppConfig):
    name = "annotation"

    def ready(self) -> None:
        from annotation.access import READS, WORKS
        from annotation.home import open_campaigns
        from webapp import navigation
        from webapp.workspaces import home

        home.register(10, open_campaigns)

        navigation.register(20, _("Prompts"), "annotation:prompts", READS, icon="text")
        navigation.register(10, _("Campaigns"), "annotation:campaigns", icon="layers")
        navigation.register(22, _("Imports"), "annotation:imports", READS, icon="upload")
        navigation.register(50, _("Boards"), "annotation:boards", READS, icon="chart")
        navigation.register(12, _("My work"), "annotation:own_work", WORKS, icon="edit")
