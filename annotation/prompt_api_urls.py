"""Endpoints of prompts, below /api/v1/workspaces/<slug>/prompts/."""

from django.urls import path

from annotation import prompt_api as api

urlpatterns = [
    path("", api.PromptsEndpoint.as_view(), name="api_prompts"),
    path("near/", api.NearEndpoint.as_view(), name="api_prompts_near"),
    path("protected/", api.ProtectedEndpoint.as_view(), name="api_prompts_protected"),
    path("edits/", api.EditsEndpoint.as_view(), name="api_prompt_edits"),
    path("edits/<int:edit>/", api.EditEndpoint.as_view(), name="api_prompt_edit"),
    path("edits/<int:edit>/undo/", api.EditUndoEndpoint.as_view(), name="api_prompt_edit_undo"),
    path("<int:prompt>/", api.PromptEndpoint.as_view(), name="api_prompt"),
]
