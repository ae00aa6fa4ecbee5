"""/w/<slug>/factory/."""

from django.urls import URLPattern, URLResolver, path

from training.factory import views

factory: list[URLPattern | URLResolver] = [
    path("factory/", views.run_list, name="factory"),
    path("factory/new/self-instruct/", views.self_instruct_new, name="self_instruct_new"),
    path("factory/new/safe-responses/", views.safe_responses_new, name="safe_responses_new"),
    path("factory/<int:factory_run>/", views.run_page, name="factory_run"),
    path("factory/<int:factory_run>/act/", views.run_act, name="factory_act"),
    path("factory/<int:factory_run>/settings/", views.run_settings, name="factory_settings"),
    path("factory/<int:factory_run>/review/", views.review_page, name="factory_review"),
    path("factory/<int:factory_run>/report/", views.run_report, name="factory_report"),
    path("factory/<int:factory_run>/candidates/", views.run_candidates, name="factory_candidates"),
]
