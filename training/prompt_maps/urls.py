"""/w/<slug>/prompts/maps/."""

from django.urls import URLPattern, URLResolver, path

from training.prompt_maps import views

maps: list[URLPattern | URLResolver] = [
    path("prompts/maps/", views.map_list, name="prompt_maps"),
    path("prompts/maps/new/", views.map_new, name="prompt_map_new"),
    path("prompts/maps/<int:map>/", views.map_page, name="prompt_map"),
    path("prompts/maps/<int:map>/points/", views.map_points, name="prompt_map_points"),
    path("prompts/maps/<int:map>/texts/", views.map_texts, name="prompt_map_texts"),
    path("prompts/maps/<int:map>/selection/", views.map_selection, name="prompt_map_selection"),
    path("prompts/maps/<int:map>/tag/", views.map_tag, name="prompt_map_tag"),
    path("prompts/maps/<int:map>/delete/", views.map_delete, name="prompt_map_delete"),
]
