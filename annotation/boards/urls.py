"""Addresses of boards, below /w/<slug>/boards/."""

from django.urls import path

from annotation.boards.views import board, snapshots, votes

urlpatterns = [
    path("", board.board_list, name="boards"),
    path("new/", board.board_new, name="board_new"),
    path("compare/", snapshots.boards_compare, name="boards_compare"),
    path("<int:board>/", board.board_page, name="board"),
    path("<int:board>/figures/<slug:section>/", board.board_page, name="board_section"),
    path("<int:board>/change/", board.board_change, name="board_change"),
    path("<int:board>/delete/", board.board_delete, name="board_delete"),
    path("<int:board>/campaign/", board.board_campaign, name="board_campaign"),
    path("<int:board>/stops/", board.board_stops, name="board_stops"),
    path("<int:board>/refresh/", board.board_refresh, name="board_refresh"),
    path("<int:board>/share/", snapshots.board_share, name="board_share"),
    path("<int:board>/snapshots/", snapshots.board_freeze, name="board_freeze"),
    path("<int:board>/snapshots/<int:snapshot>/", snapshots.board_snapshot, name="board_snapshot"),
    path(
        "<int:board>/snapshots/<int:snapshot>/check/",
        snapshots.board_snapshot_check,
        name="board_snapshot_check",
    ),
    path("<int:board>/votes/", votes.board_votes, name="board_votes"),
    path("<int:board>/votes/<slug:vote>/", votes.board_vote, name="board_vote"),
    path("<int:board>/files/<str:name>", votes.board_download, name="board_download"),
]
