"""/w/<slug>/snapshots/, runs/ and models/."""

from django.urls import URLPattern, URLResolver

app_name = "training"
urlpatterns: list[URLPattern | URLResolver] = []
