from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class TrainingConfig(AppConfig):
    name = "training"

    def ready(self) -> None:
        from training.access import MANAGES, READS
        from webapp import navigation

        navigation.register(30, _("Playground"), "training:playground", MANAGES, icon="play")
        navigation.register(32, _("Sampled answers"), "training:samplings", READS, icon="text")
        navigation.register(34, _("Models to ask"), "training:endpoints", READS, icon="server")
        navigation.register(40, _("Snapshots"), "training:snapshots", tuple(READS), icon="file")
