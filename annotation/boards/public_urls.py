"""Public links to boards, below /board/."""

from django.urls import path

from annotation.boards import public_views

urlpatterns = [
    path("<int:board>/<str:secret>/", public_views.public_board, name="public_board"),
    path(
        "<int:board>/<str:secret>/votes/",
        public_views.public_board_votes,
        name="public_board_votes",
    ),
    path(
        "<int:board>/<str:secret>/files/<str:name>",
        public_views.public_board_download,
        name="public_board_download",
    ),
]
