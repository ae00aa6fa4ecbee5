"""/api/v1/workspaces/<slug>/ snapshots/, runs/ and models/."""

from django.urls import URLPattern, URLResolver

urlpatterns: list[URLPattern | URLResolver] = []
