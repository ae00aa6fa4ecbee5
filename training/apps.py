from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


def drive_rounds() -> int:
    """Rounds that can move get their job."""
    from training.rounds.actions.drive import drive_due

    return drive_due()


class TrainingConfig(AppConfig):
    name = "training"

    def ready(self) -> None:
        from annotation import answerers, holders, suggesters
        from training.access import MANAGES, READS, WORKS
        from training.answer_questions import answer, names
        from training.holders import holding
        from training.home import stage_map
        from training.suggesters import names as reward_models
        from training.suggesters import scores
        from webapp import navigation
        from webapp.jobs.watch import watch
        from webapp.workspaces import home

        holders.register(holding)
        answerers.register(answer, names)
        suggesters.register(reward_models, scores)
        watch("rounds", drive_rounds)
        home.register(20, stage_map)

        navigation.register(14, _("Arena"), "training:arena", WORKS, icon="compare")
        navigation.register(28, _("Snapshots"), "training:snapshots", tuple(READS), icon="file")
        navigation.register(32, _("Runs"), "training:runs", READS, icon="activity")
        navigation.register(33, _("Rounds"), "training:rounds", READS, icon="retry")
        navigation.register(30, _("Models"), "training:models", READS, icon="cube")
        navigation.register(36, _("Playground"), "training:playground", MANAGES, icon="play")
        navigation.register(38, _("Sampled answers"), "training:samplings", READS, icon="text")
        navigation.register(39, _("Factory"), "training:factory", READS, icon="layers")
        navigation.register(40, _("Models to ask"), "training:endpoints", READS, icon="server")
