"""/w/<slug>/snapshots/, runs/ and models/."""

from django.urls import URLPattern, URLResolver, path

from training.factory.urls import factory
from training.prompt_maps.urls import maps
from training.rounds.urls import rounds
from training.run_urls import learning
from training.scoring.urls import scoring
from training.studies.urls import studies
from training.views import arena, endpoints, playground, samplings, snapshots

app_name = "training"
asking: list[URLPattern | URLResolver] = [
    path("endpoints/", endpoints.endpoint_list, name="endpoints"),
    path("endpoints/new/<slug:kind>/", endpoints.endpoint_new, name="endpoint_new"),
    path("endpoints/<int:endpoint>/", endpoints.endpoint, name="endpoint"),
    path("endpoints/<int:endpoint>/try/", endpoints.endpoint_try, name="endpoint_try"),
    path("endpoints/<int:endpoint>/retire/", endpoints.endpoint_retire, name="endpoint_retire"),
    path("endpoints/<int:endpoint>/restore/", endpoints.endpoint_restore, name="endpoint_restore"),
    path("arena/", arena.arena, name="arena"),
    path("arena/battles/", arena.battle_new, name="battle_new"),
    path("arena/battles/<uuid:battle>/", arena.battle, name="battle"),
    path("arena/battles/<uuid:battle>/act/", arena.battle_act, name="battle_act"),
    path("arena/battles/<uuid:battle>/vote/", arena.battle_vote, name="battle_vote"),
    path("samplings/", samplings.sampling_list, name="samplings"),
    path("samplings/new/", samplings.sampling_new, name="sampling_new"),
    path("samplings/<int:batch>/", samplings.sampling, name="sampling"),
    path("samplings/<int:batch>/act/", samplings.sampling_act, name="sampling_act"),
    path("playground/", playground.playground, name="playground"),
    path("playground/probes/", playground.probes_run, name="probes_run"),
    path("playground/probes/<uuid:probe_set>/", playground.probes, name="probes"),
    path("playground/<int:trial>/", playground.trial, name="trial"),
    path("playground/<int:trial>/keep/", playground.trial_keep, name="trial_keep"),
    path("playground/<int:trial>/<int:column>/act/", playground.trial_column, name="trial_column"),
    path(
        "playground/<int:trial>/<int:column>/demonstrate/",
        playground.trial_demonstrate,
        name="trial_demonstrate",
    ),
]
freezing: list[URLPattern | URLResolver] = [
    path("snapshots/", snapshots.snapshot_list, name="snapshots"),
    path("snapshots/new/", snapshots.snapshot_new, name="snapshot_new"),
    path("snapshots/<int:snapshot>/", snapshots.snapshot_page, name="snapshot"),
    path(
        "snapshots/<int:snapshot>/judgements/",
        snapshots.snapshot_judgements,
        name="snapshot_judgements",
    ),
    path(
        "snapshots/<int:snapshot>/download/", snapshots.snapshot_download, name="snapshot_download"
    ),
    path("snapshots/<int:snapshot>/export/", snapshots.snapshot_export, name="snapshot_export"),
    path("snapshots/<int:snapshot>/delete/", snapshots.snapshot_delete, name="snapshot_delete"),
]
urlpatterns: list[URLPattern | URLResolver] = [
    *asking,
    *factory,
    *freezing,
    *learning,
    *maps,
    *rounds,
    *scoring,
    *studies,
]
