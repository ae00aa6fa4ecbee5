"""/w/<slug>/runs/studies/."""

from django.urls import URLPattern, URLResolver, path

from training.studies import views

studies: list[URLPattern | URLResolver] = [
    path("runs/studies/", views.study_list, name="studies"),
    path("runs/studies/new/", views.study_new, name="study_new"),
    path("runs/studies/<int:study>/", views.study_page, name="study"),
    path("runs/studies/<int:study>/compare/", views.study_compare, name="study_compare"),
]
