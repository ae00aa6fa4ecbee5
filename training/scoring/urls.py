"""Scores of reward models below /w/<slug>/samplings/ and playground/."""

from django.urls import URLPattern, URLResolver, path

from training.scoring import views

scoring: list[URLPattern | URLResolver] = [
    path("samplings/<int:batch>/score/", views.sampling_score, name="sampling_score"),
    path("samplings/scores/<int:scoring>/check/", views.scoring_check, name="scoring_check"),
    path("samplings/scores/<int:scoring>/tag/", views.scoring_tag, name="scoring_tag"),
    path("playground/<int:trial>/score/", views.trial_score, name="trial_score"),
]
