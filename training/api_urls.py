"""/api/v1/workspaces/<slug>/ snapshots/, runs/ and models/."""

from django.urls import URLPattern, URLResolver, path

from training import snapshot_api

urlpatterns: list[URLPattern | URLResolver] = [
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
]
