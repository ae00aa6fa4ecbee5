"""/w/<slug>/runs/ and models/."""

from django.urls import URLPattern, URLResolver, path

from training.held_out import views as over_optimisation
from training.views import launch, registry, runs

learning: list[URLPattern | URLResolver] = [
    path("runs/", runs.run_list, name="runs"),
    path("runs/new/", launch.run_new, name="run_new"),
    path("runs/recipes/<slug:recipe>/", launch.recipe_new, name="recipe_new"),
    path("runs/configurations/<int:config>/delete/", launch.config_delete, name="config_delete"),
    path("runs/compare/", runs.run_compare, name="run_compare"),
    path("runs/<int:run>/", runs.run_page, name="run"),
    path("runs/<int:run>/curve/", runs.run_curve, name="run_curve"),
    path("runs/<int:run>/rollouts/", runs.run_rollouts, name="run_rollouts"),
    path(
        "runs/<int:run>/over-optimisation/",
        over_optimisation.over_optimisation,
        name="over_optimisation",
    ),
    path("runs/<int:run>/over-optimisation/score/", over_optimisation.hold_out, name="hold_out"),
    path(
        "runs/<int:run>/over-optimisation/suspicious/",
        over_optimisation.suspicious_send,
        name="suspicious_send",
    ),
    path("runs/<int:run>/stop/", runs.run_stop, name="run_stop"),
    path("runs/<int:run>/resume/", runs.run_resume, name="run_resume"),
    path("runs/<int:run>/files/<int:position>/", runs.run_file, name="run_file"),
    path("models/", registry.model_list, name="models"),
    path("models/import/", registry.model_import, name="model_import"),
    path("models/<int:model>/", registry.model_page, name="model"),
    path("models/<int:model>/ask/", registry.model_ask, name="model_ask"),
    path("models/<int:model>/change/", registry.model_change, name="model_change"),
    path("models/<int:model>/delete/", registry.model_delete, name="model_delete"),
    path("models/<int:model>/merge/", registry.model_merge, name="model_merge"),
    path("models/<int:model>/push/", registry.model_push, name="model_push"),
    path("models/<int:model>/archive/", registry.model_archive, name="model_archive"),
    path("models/<int:model>/files/<int:position>/", registry.model_file, name="model_file"),
]
