"""Addresses of people's work, below /w/<slug>/."""

from django.urls import include, path

from annotation.views import (
    attributes,
    campaigns,
    checks,
    conversations,
    converter,
    crowd,
    imports,
    instruction_tasks,
    quality,
    review_grid,
    reviews,
    suggestions,
    withdrawals,
    work,
)

app_name = "annotation"
urlpatterns = [
    path("boards/", include("annotation.boards.urls")),
    path("campaigns/", campaigns.campaign_list, name="campaigns"),
    path("campaigns/new/", campaigns.campaign_new, name="campaign_new"),
    path("campaigns/<int:pk>/", campaigns.campaign_overview, name="campaign"),
    path("campaigns/<int:pk>/state/", campaigns.campaign_state, name="campaign_state"),
    path(
        "campaigns/<int:pk>/guidelines/", campaigns.campaign_guidelines, name="campaign_guidelines"
    ),
    path("campaigns/<int:pk>/settings/", campaigns.campaign_settings, name="campaign_settings"),
    path("imports/", imports.import_list, name="imports"),
    path("imports/new/", imports.import_new, name="import_new"),
    path("imports/<int:pk>/", imports.import_page, name="import"),
    path("imports/tasks/", instruction_tasks.task_list, name="tasks"),
    path("imports/tasks/new/", instruction_tasks.task_new, name="task_new"),
    path("imports/<int:pk>/task/", instruction_tasks.task_open, name="task_open"),
    path("imports/tasks/<int:task>/", instruction_tasks.task_page, name="task"),
    path("imports/tasks/<int:task>/preview/", instruction_tasks.task_preview, name="task_preview"),
    path("imports/tasks/<int:task>/file/", instruction_tasks.task_file, name="task_file"),
    path("imports/tasks/<int:task>/delete/", instruction_tasks.task_delete, name="task_delete"),
    path("imports/convert/", converter.conversion_new, name="conversion_new"),
    path("imports/convert/tutorial/", converter.conversion_tutorial, name="conversion_tutorial"),
    path("imports/<int:pk>/convert/", converter.conversion_page, name="conversion"),
    path("imports/<int:pk>/convert/preview/", converter.preview, name="conversion_preview"),
    path(
        "imports/<int:pk>/convert/templates/", converter.templates_file, name="conversion_templates"
    ),
    path("imports/<int:pk>/start/", imports.import_start, name="import_start"),
    path("imports/<int:pk>/cancel/", imports.import_cancel, name="import_cancel"),
    path("imports/<int:pk>/rejects/", imports.import_rejects, name="import_rejects"),
    path("imports/<int:pk>/file/", imports.import_original, name="import_original"),
    path("imports/<int:pk>/undo/", imports.import_undo, name="import_undo"),
    path("imports/<int:pk>/discard/", imports.import_discard, name="import_discard"),
    path("campaigns/<int:pk>/quality/", quality.campaign_quality_page, name="campaign_quality"),
    path("campaigns/<int:pk>/quality/thresholds/", quality.thresholds, name="thresholds"),
    path("campaigns/<int:pk>/people/<int:person>/", quality.standing, name="standing"),
    path(
        "campaigns/<int:pk>/people/<int:person>/withdraw/",
        withdrawals.person_withdraw,
        name="person_withdraw",
    ),
    path(
        "campaigns/<int:pk>/items/<int:item>/withdraw/",
        withdrawals.item_withdraw,
        name="item_withdraw",
    ),
    path(
        "campaigns/<int:pk>/conversations/", conversations.conversation_list, name="conversations"
    ),
    path(
        "campaigns/conversations/<int:conversation>/",
        conversations.conversation_page,
        name="conversation",
    ),
    path(
        "campaigns/conversations/<int:conversation>/stop/",
        conversations.conversation_stop,
        name="conversation_stop",
    ),
    path("campaigns/<int:pk>/suggestions/", suggestions.suggestion_list, name="suggestions"),
    path(
        "campaigns/<int:pk>/suggestions/items/",
        suggestions.suggestion_items,
        name="suggestion_items",
    ),
    path(
        "campaigns/<int:pk>/suggestions/<int:suggestions>/remove/",
        suggestions.suggestion_remove,
        name="suggestion_remove",
    ),
    path("campaigns/<int:pk>/crowd/", crowd.crowd_page, name="crowd_page"),
    path("campaigns/<int:pk>/crowd/off/", crowd.crowd_off, name="crowd_off"),
    path("campaigns/<int:pk>/crowd/file/", crowd.crowd_file, name="crowd_file"),
    path("campaigns/<int:pk>/preview/", checks.preview, name="campaign_preview"),
    path("campaigns/<int:pk>/checks/", checks.check_list, name="checks"),
    path("campaigns/<int:pk>/checks/promote/", checks.check_promote, name="check_promote"),
    path("campaigns/<int:pk>/checks/<int:item>/", checks.check_edit, name="check"),
    path("campaigns/<int:pk>/checks/<int:item>/remove/", checks.check_remove, name="check_remove"),
    path("prompts/", include("annotation.prompt_urls")),
    path("campaigns/<int:pk>/review/", reviews.review_list, name="reviews"),
    path("campaigns/<int:pk>/review/several/", review_grid.review_grid, name="review_grid"),
    path("campaigns/<int:pk>/review/<int:item>/", reviews.review_item, name="review_item"),
    path("attributes/", attributes.attribute_list, name="attributes"),
    path(
        "attributes/<int:attribute>/retire/", attributes.attribute_retire, name="attribute_retire"
    ),
    path("work/", campaigns.own_work, name="own_work"),
    path("work/<int:pk>/", work.work, name="work"),
    path("work/<int:pk>/statistics/", quality.own_statistics, name="own_statistics"),
    path("work/<int:pk>/next/", work.work_next, name="work_next"),
    path("work/<int:pk>/undo/", work.work_undo, name="work_undo"),
    path("work/<int:pk>/<int:assignment_pk>/feedback/", work.work_feedback, name="work_feedback"),
    path("work/<int:pk>/<int:assignment_pk>/submit/", work.work_submit, name="work_submit"),
    path("work/<int:pk>/<int:assignment_pk>/skip/", work.work_skip, name="work_skip"),
    path("work/<int:pk>/<int:assignment_pk>/draft/", work.work_draft, name="work_draft"),
    path("work/<int:pk>/nearness/", work.work_nearness, name="work_nearness"),
]
