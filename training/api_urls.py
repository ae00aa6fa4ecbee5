"""/api/v1/workspaces/<slug>/ snapshots/, runs/ and models/."""

from django.urls import URLPattern, URLResolver, path

from training import (
    asking_api,
    endpoint_api,
    model_api,
    run_api,
    snapshot_api,
    stage_map_api,
)
from training.factory import api as factory
from training.held_out import api as held_out_api
from training.prompt_maps import api as maps
from training.rounds import api as rounds
from training.scoring import api as scoring
from training.studies import api as studies

urlpatterns: list[URLPattern | URLResolver] = [
    path("stages/", stage_map_api.StagesEndpoint.as_view(), name="api_stages"),
    path("snapshots/", snapshot_api.SnapshotsEndpoint.as_view(), name="api_snapshots"),
    path("snapshots/<int:snapshot>/", snapshot_api.SnapshotEndpoint.as_view(), name="api_snapshot"),
    path(
        "snapshots/<int:snapshot>/download/",
        snapshot_api.SnapshotDownloadEndpoint.as_view(),
        name="api_snapshot_download",
    ),
    path(
        "snapshots/<int:snapshot>/exports/",
        snapshot_api.SnapshotExportsEndpoint.as_view(),
        name="api_snapshot_exports",
    ),
    path("endpoints/", endpoint_api.EndpointsEndpoint.as_view(), name="api_endpoints"),
    path("endpoints/<int:endpoint>/", endpoint_api.OneEndpoint.as_view(), name="api_endpoint"),
    path(
        "endpoints/<int:endpoint>/retire/",
        endpoint_api.RetireEndpoint.as_view(),
        name="api_endpoint_retire",
    ),
    path(
        "endpoints/<int:endpoint>/restore/",
        endpoint_api.RestoreEndpoint.as_view(),
        name="api_endpoint_restore",
    ),
    path("samplings/", asking_api.SamplingsEndpoint.as_view(), name="api_samplings"),
    path("scorings/", scoring.ScoringsEndpoint.as_view(), name="api_scorings"),
    path("scorings/<int:scoring>/", scoring.ScoringEndpoint.as_view(), name="api_scoring"),
    path(
        "scorings/<int:scoring>/check/",
        scoring.ScoringCheckEndpoint.as_view(),
        name="api_scoring_check",
    ),
    path(
        "scorings/<int:scoring>/tag/", scoring.ScoringTagEndpoint.as_view(), name="api_scoring_tag"
    ),
    path("trials/", asking_api.TrialsEndpoint.as_view(), name="api_trials"),
    path("trials/<int:trial>/", asking_api.TrialEndpoint.as_view(), name="api_trial"),
    path(
        "trials/<int:trial>/columns/<int:column>/",
        asking_api.ColumnEndpoint.as_view(),
        name="api_trial_column",
    ),
    path("battles/", asking_api.BattlesEndpoint.as_view(), name="api_battles"),
    path("battles/<uuid:battle>/", asking_api.BattleEndpoint.as_view(), name="api_battle"),
    path("battles/<uuid:battle>/vote/", asking_api.VoteEndpoint.as_view(), name="api_vote"),
    path("models/", model_api.ModelsEndpoint.as_view(), name="api_models"),
    path("models/<int:model>/", model_api.ModelEndpointView.as_view(), name="api_model"),
    path("models/<int:model>/merge/", model_api.MergeEndpoint.as_view(), name="api_model_merge"),
    path("models/<int:model>/pushes/", model_api.PushesEndpoint.as_view(), name="api_pushes"),
    path("runs/", run_api.RunsEndpoint.as_view(), name="api_runs"),
    path("runs/<int:run>/", run_api.RunEndpoint.as_view(), name="api_run"),
    path("runs/<int:run>/metrics/", run_api.RunMetricsEndpoint.as_view(), name="api_run_metrics"),
    path("runs/<int:run>/held-out/", held_out_api.HeldOutEndpoint.as_view(), name="api_held_out"),
    path(
        "runs/<int:run>/held-out/suspicious/",
        held_out_api.SuspiciousEndpoint.as_view(),
        name="api_suspicious",
    ),
    path("runs/<int:run>/stop/", run_api.RunStopEndpoint.as_view(), name="api_run_stop"),
    path("runs/<int:run>/resume/", run_api.RunResumeEndpoint.as_view(), name="api_run_resume"),
    path("factory/", factory.FactoryRunsEndpoint.as_view(), name="api_factory"),
    path(
        "factory/<int:factory_run>/", factory.FactoryRunEndpoint.as_view(), name="api_factory_run"
    ),
    path(
        "factory/<int:factory_run>/stop/",
        factory.FactoryStopEndpoint.as_view(),
        name="api_factory_stop",
    ),
    path(
        "factory/<int:factory_run>/go-on/",
        factory.FactoryGoOnEndpoint.as_view(),
        name="api_factory_go_on",
    ),
    path(
        "factory/<int:factory_run>/candidates/",
        factory.FactoryCandidatesEndpoint.as_view(),
        name="api_factory_candidates",
    ),
    path(
        "factory/<int:factory_run>/next/",
        factory.FactoryNextEndpoint.as_view(),
        name="api_factory_next",
    ),
    path(
        "factory/<int:factory_run>/candidates/<int:candidate>/",
        factory.FactoryCandidateEndpoint.as_view(),
        name="api_factory_candidate",
    ),
    path("rounds/", rounds.RoundsEndpoint.as_view(), name="api_rounds"),
    path("rounds/<int:round>/", rounds.RoundEndpoint.as_view(), name="api_round"),
    path("rounds/<int:round>/step/", rounds.RoundStepEndpoint.as_view(), name="api_round_step"),
    path("rounds/<int:round>/pause/", rounds.RoundPauseEndpoint.as_view(), name="api_round_pause"),
    path(
        "rounds/<int:round>/resume/", rounds.RoundResumeEndpoint.as_view(), name="api_round_resume"
    ),
    path("maps/", maps.MapsEndpoint.as_view(), name="api_maps"),
    path("maps/<int:map>/", maps.MapEndpoint.as_view(), name="api_map"),
    path("maps/<int:map>/points/", maps.MapPointsEndpoint.as_view(), name="api_map_points"),
    path("maps/<int:map>/tag/", maps.MapTagEndpoint.as_view(), name="api_map_tag"),
    path("studies/", studies.StudiesEndpoint.as_view(), name="api_studies"),
    path("studies/<int:study>/", studies.StudyEndpoint.as_view(), name="api_study"),
    path(
        "studies/<int:study>/compare/",
        studies.StudyCompareEndpoint.as_view(),
        name="api_study_compare",
    ),
]
