"""Endpoints of files that come in, below /api/v1/workspaces/<slug>/imports/."""

from django.urls import path

from annotation import import_api as api

urlpatterns = [
    path("", api.ImportsEndpoint.as_view(), name="api_imports"),
    path("<int:imported>/", api.ImportEndpoint.as_view(), name="api_import"),
    path("<int:imported>/check/", api.CheckEndpoint.as_view(), name="api_import_check"),
    path("<int:imported>/start/", api.StartEndpoint.as_view(), name="api_import_start"),
    path("<int:imported>/undo/", api.UndoEndpoint.as_view(), name="api_import_undo"),
    path("<int:imported>/rejects/", api.RejectsEndpoint.as_view(), name="api_import_rejects"),
]
