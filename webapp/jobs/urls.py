from django.urls import URLPattern, URLResolver, path

from webapp.jobs import views

urlpatterns: list[URLPattern | URLResolver] = [
    path("w/<slug:slug>/jobs/", views.workspace_jobs, name="workspace_jobs"),
    path("w/<slug:slug>/jobs/<int:job>/", views.workspace_job, name="workspace_job"),
    path(
        "w/<slug:slug>/jobs/<int:job>/cancel/",
        views.workspace_job_cancel,
        name="workspace_job_cancel",
    ),
    path(
        "w/<slug:slug>/jobs/<int:job>/retry/",
        views.workspace_job_retry,
        name="workspace_job_retry",
    ),
    path(
        "w/<slug:slug>/jobs/<int:job>/download/",
        views.workspace_job_download,
        name="workspace_job_download",
    ),
    path("site/jobs/", views.site_jobs, name="site_jobs"),
    path("site/jobs/start/", views.site_job_start, name="site_job_start"),
    path("site/jobs/<int:job>/", views.site_job, name="site_job"),
    path("site/jobs/<int:job>/cancel/", views.site_job_cancel, name="site_job_cancel"),
    path("site/jobs/<int:job>/retry/", views.site_job_retry, name="site_job_retry"),
    path("site/jobs/<int:job>/download/", views.site_job_download, name="site_job_download"),
    path("site/workers/", views.site_workers, name="site_workers"),
]
