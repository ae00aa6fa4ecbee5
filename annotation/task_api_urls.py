"""Endpoints of the task editor, below /api/v1/workspaces/<slug>/tasks/."""

from django.urls import path

from annotation import task_api as api

urlpatterns = [
    path("", api.TasksEndpoint.as_view(), name="api_tasks"),
    path("<int:task>/", api.TaskEndpoint.as_view(), name="api_task"),
    path("<int:task>/render/", api.RenderTaskEndpoint.as_view(), name="api_task_render"),
    path("<int:task>/prompts/", api.TaskPromptsEndpoint.as_view(), name="api_task_prompts"),
]
