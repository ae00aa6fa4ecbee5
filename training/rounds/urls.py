"""/w/<slug>/rounds/."""

from django.urls import URLPattern, URLResolver, path

from training.rounds import story_view, views

rounds: list[URLPattern | URLResolver] = [
    path("rounds/", views.round_list, name="rounds"),
    path("rounds/new/", views.round_new, name="round_new"),
    path("rounds/<int:round>/", views.round_page, name="round"),
    path("rounds/<int:round>/loop/", story_view.story, name="loop"),
    path("rounds/<int:round>/step/", views.round_step, name="round_step"),
    path("rounds/<int:round>/pause/", views.round_pause, name="round_pause"),
    path("rounds/<int:round>/resume/", views.round_resume, name="round_resume"),
    path("rounds/<int:round>/change/", views.round_change, name="round_change"),
]
