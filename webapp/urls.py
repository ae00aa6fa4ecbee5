"""Every address of Rondo. A new one also needs its row in tests/permissions_matrix.py."""

from django.urls import URLPattern, URLResolver, include, path

urlpatterns: list[URLPattern | URLResolver] = [
    path("api/v1/workspaces/<slug:slug>/campaigns/", include("annotation.api_urls")),
    path("api/v1/workspaces/<slug:slug>/boards/", include("annotation.boards.api_urls")),
    path("api/v1/workspaces/<slug:slug>/imports/", include("annotation.import_api_urls")),
    path("api/v1/workspaces/<slug:slug>/tasks/", include("annotation.task_api_urls")),
    path("api/v1/workspaces/<slug:slug>/prompts/", include("annotation.prompt_api_urls")),
    path("api/v1/workspaces/<slug:slug>/webhooks/", include("webapp.webhooks.api_urls")),
    path("api/v1/workspaces/<slug:slug>/", include("training.api_urls")),
    path("api/v1/", include("webapp.jobs.api_urls")),
    path("api/", include("webapp.api.urls")),  # last of /api/: it answers what nobody else does
    path("", include("webapp.workspaces.urls")),
    path("w/<slug:slug>/", include("annotation.urls")),
    path("w/<slug:slug>/", include("training.urls")),
    path("w/<slug:slug>/webhooks/", include("webapp.webhooks.urls")),
    path("crowd/", include("annotation.crowd_urls")),
    path("board/", include("annotation.boards.public_urls")),
    path("account/", include("webapp.accounts.urls")),
    path("site/", include("webapp.site.urls")),
    path("", include("webapp.jobs.urls")),
    path("", include("webapp.design.urls")),
    path("", include("webapp.health.urls")),
]
handler500 = "webapp.health.views.server_error"
