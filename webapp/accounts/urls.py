"""/account/: our pages, then allauth's. Its session list is ours, so that one can be ended."""

from django.urls import URLPattern, URLResolver, include, path

from webapp.accounts.views import own_account

urlpatterns: list[URLPattern | URLResolver] = [
    path("profile/", own_account.profile, name="account_profile"),
    path("sessions/", own_account.sessions, name="usersessions_list"),
    path("tokens/", include("webapp.api.token_urls")),
    path("", include("allauth.account.urls")),
    path("2fa/", include("allauth.mfa.urls")),
    path("linked/", include("allauth.socialaccount.urls")),
    path("", include("allauth.socialaccount.providers.openid_connect.urls")),
]
