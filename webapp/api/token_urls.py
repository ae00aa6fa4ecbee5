from django.urls import path

from webapp.api import views

urlpatterns = [
    path("", views.tokens, name="account_tokens"),
    path("<int:token>/revoke/", views.revoke, name="account_token_revoke"),
]
