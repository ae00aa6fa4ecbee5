"""/w/<slug>/snapshots/, runs/ and models/."""

from django.urls import URLPattern, URLResolver, path

from training.views import endpoints, playground, samplings

app_name = "training"
asking: list[URLPattern | URLResolver] = [
    path("endpoints/", endpoints.endpoint_list, name="endpoints"),
    path("endpoints/new/<slug:kind>/", endpoints.endpoint_new, name="endpoint_new"),
    path("endpoints/<int:endpoint>/", endpoints.endpoint, name="endpoint"),
    path("endpoints/<int:endpoint>/try/", endpoints.endpoint_try, name="endpoint_try"),
    path("endpoints/<int:endpoint>/retire/", endpoints.endpoint_retire, name="endpoint_retire"),
    path("endpoints/<int:endpoint>/restore/", endpoints.endpoint_restore, name="endpoint_restore"),
    path("samplings/", samplings.sampling_list, name="samplings"),
    path("samplings/new/", samplings.sampling_new, name="sampling_new"),
    path("samplings/<int:batch>/", samplings.sampling, name="sampling"),
    path("samplings/<int:batch>/act/", samplings.sampling_act, name="sampling_act"),
    path("playground/", playground.playground, name="playground"),
    path("playground/probes/", playground.probes_run, name="probes_run"),
    path("playground/probes/<uuid:probe_set>/", playground.probes, name="probes"),
    path("playground/<int:trial>/", playground.trial, name="trial"),
    path("playground/<int:trial>/keep/", playground.trial_keep, name="trial_keep"),
    path("playground/<int:trial>/<int:column>/act/", playground.trial_column, name="trial_column"),
    path(
        "playground/<int:trial>/<int:column>/demonstrate/",
        playground.trial_demonstrate,
        name="trial_demonstrate",
    ),
]
urlpatterns: list[URLPattern | URLResolver] = [*asking]
