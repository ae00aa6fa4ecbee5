"""Endpoints of people's work, below /api/v1/workspaces/<slug>/campaigns/."""

from django.urls import path

from annotation import (
    api,
    conversation_api,
    crowd_api,
    review_api,
    suggestion_api,
    withdraw_api,
)

urlpatterns = [
    path("", api.CampaignsEndpoint.as_view(), name="api_campaigns"),
    path(
        "<int:campaign>/conversations/",
        conversation_api.ConversationsEndpoint.as_view(),
        name="api_conversations",
    ),
    path(
        "<int:campaign>/reviews/",
        review_api.ReviewsEndpoint.as_view(),
        name="api_reviews",
    ),
    path(
        "<int:campaign>/reviews/accept/",
        review_api.AcceptSeveralEndpoint.as_view(),
        name="api_reviews_accept",
    ),
    path(
        "<int:campaign>/reviews/<int:item>/",
        review_api.ReviewEndpoint.as_view(),
        name="api_review",
    ),
    path(
        "<int:campaign>/people/<int:person>/withdrawal/",
        withdraw_api.PersonWithdrawalEndpoint.as_view(),
        name="api_person_withdrawal",
    ),
    path(
        "<int:campaign>/items/<int:item>/withdrawal/",
        withdraw_api.ItemWithdrawalEndpoint.as_view(),
        name="api_item_withdrawal",
    ),
    path(
        "<int:campaign>/items/",
        suggestion_api.CampaignItemsEndpoint.as_view(),
        name="api_campaign_items",
    ),
    path(
        "<int:campaign>/suggestions/",
        suggestion_api.SuggestionsEndpoint.as_view(),
        name="api_suggestions",
    ),
    path(
        "<int:campaign>/suggestions/report/",
        suggestion_api.SuggestionReportEndpoint.as_view(),
        name="api_suggestion_report",
    ),
    path(
        "<int:campaign>/suggestions/<int:suggestions>/",
        suggestion_api.SuggestionSetEndpoint.as_view(),
        name="api_suggestion_set",
    ),
    path(
        "<int:campaign>/crowd/",
        crowd_api.CrowdEndpoint.as_view(),
        name="api_crowd",
    ),
    path(
        "<int:campaign>/crowd/assignments/",
        crowd_api.CrowdWorksEndpoint.as_view(),
        name="api_crowd_works",
    ),
    path("<int:campaign>/claim/", api.ClaimEndpoint.as_view(), name="api_claim"),
    path(
        "<int:campaign>/assignments/<int:assignment>/submit/",
        api.SubmitEndpoint.as_view(),
        name="api_submit",
    ),
    path(
        "<int:campaign>/assignments/<int:assignment>/skip/",
        api.SkipEndpoint.as_view(),
        name="api_skip",
    ),
]
