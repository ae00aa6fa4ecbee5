from django.urls import URLPattern, URLResolver, path

from webapp.jobs import api

urlpatterns: list[URLPattern | URLResolver] = [
    path("jobs/", api.SiteJobsEndpoint.as_view(), name="api_site_jobs"),
    path("workspaces/<slug:slug>/jobs/", api.JobsEndpoint.as_view(), name="api_jobs"),
    path("workspaces/<slug:slug>/jobs/<int:job>/", api.JobEndpoint.as_view(), name="api_job"),
    path(
        "workspaces/<slug:slug>/jobs/<int:job>/cancel/",
        api.JobCancelEndpoint.as_view(),
        name="api_job_cancel",
    ),
    path(
        "workspaces/<slug:slug>/jobs/<int:job>/retry/",
        api.JobRetryEndpoint.as_view(),
        name="api_job_retry",
    ),
]
