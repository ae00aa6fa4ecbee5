"""Addresses of prompts, below /w/<slug>/prompts/, in the namespace of annotation.urls."""

from django.urls import path

from annotation.views import curation, prompts

urlpatterns = [
    path("", prompts.prompt_list, name="prompts"),
    path("count/", prompts.prompt_count, name="prompt_count"),
    path("new/", prompts.prompt_new, name="prompt_new"),
    path("edit/", prompts.prompt_edit, name="prompt_edit"),
    path("changes/", prompts.prompt_changes, name="prompt_changes"),
    path("changes/<int:edit>/undo/", prompts.prompt_undo, name="prompt_undo"),
    path("views/", prompts.view_save, name="view_save"),
    path("views/<int:view>/delete/", prompts.view_delete, name="view_delete"),
    path("<int:prompt>/", prompts.prompt_page, name="prompt"),
    path("duplicates/", curation.duplicates, name="duplicates"),
    path("duplicates/search/", curation.duplicates_search, name="duplicates_search"),
    path("duplicates/settle/", curation.duplicates_settle, name="duplicates_settle"),
    path(
        "duplicates/settlements/<int:settlement>/undo/",
        curation.duplicates_unsettle,
        name="duplicates_unsettle",
    ),
    path("duplicates/<int:cluster>/", curation.cluster_page, name="cluster"),
    path("duplicates/<int:cluster>/settle/", curation.cluster_settle, name="cluster_settle"),
    path("duplicates/<int:cluster>/undo/", curation.cluster_undo, name="cluster_undo"),
    path("leakage/", curation.leakage, name="leakage"),
    path("leakage/check/", curation.leakage_check, name="leakage_check"),
    path("leakage/protect/", curation.leakage_protect, name="leakage_protect"),
    path("use-cases/", curation.use_cases, name="use_cases"),
    path("use-cases/save/", curation.use_case_save, name="use_case_save"),
    path("use-cases/guess/", curation.use_case_guess, name="use_case_guess"),
    path(
        "use-cases/<int:use_case>/delete/",
        curation.use_case_delete,
        name="use_case_delete",
    ),
]
