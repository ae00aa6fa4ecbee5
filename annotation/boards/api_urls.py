"""Endpoints of boards, below /api/v1/workspaces/<slug>/boards/."""

from django.urls import path

from annotation.boards import api

urlpatterns = [
    path("", api.BoardsEndpoint.as_view(), name="api_boards"),
    path("<int:board>/", api.BoardEndpoint.as_view(), name="api_board"),
    path("<int:board>/refresh/", api.BoardRefreshEndpoint.as_view(), name="api_board_refresh"),
    path(
        "<int:board>/snapshots/",
        api.BoardSnapshotsEndpoint.as_view(),
        name="api_board_snapshots",
    ),
    path("<int:board>/votes/", api.BoardVotesEndpoint.as_view(), name="api_board_votes"),
]
