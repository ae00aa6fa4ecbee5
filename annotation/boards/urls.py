"""Addresses of boards, below /w/<slug>/boards/."""

from django.urls import path

from annotation.boards import views

urlpatterns = [
    path("", views.board_list, name="boards"),
    path("new/", views.board_new, name="board_new"),
    path("<int:board>/", views.board_page, name="board"),
    path("<int:board>/figures/<slug:section>/", views.board_page, name="board_section"),
    path("<int:board>/change/", views.board_change, name="board_change"),
    path("<int:board>/delete/", views.board_delete, name="board_delete"),
    path("<int:board>/campaign/", views.board_campaign, name="board_campaign"),
    path("<int:board>/refresh/", views.board_refresh, name="board_refresh"),
    path("<int:board>/share/", views.board_share, name="board_share"),
    path("<int:board>/snapshots/", views.board_freeze, name="board_freeze"),
    path("<int:board>/snapshots/<int:snapshot>/", views.board_snapshot, name="board_snapshot"),
    path(
        "<int:board>/snapshots/<int:snapshot>/check/",
        views.board_snapshot_check,
        name="board_snapshot_check",
    ),
    path("<int:board>/votes/", views.board_votes, name="board_votes"),
    path("<int:board>/votes/<slug:vote>/", views.board_vote, name="board_vote"),
    path("<int:board>/files/<str:name>", views.board_download, name="board_download"),
]
