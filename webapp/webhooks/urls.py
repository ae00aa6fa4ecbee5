"""Addresses of webhooks, below /w/<slug>/webhooks/."""

from django.urls import path

from webapp.webhooks import views

urlpatterns = [
    path("", views.webhook_list, name="webhooks"),
    path("<int:webhook>/secret/", views.webhook_rotate, name="webhook_rotate"),
    path("<int:webhook>/remove/", views.webhook_remove, name="webhook_remove"),
    path("<int:webhook>/test/", views.webhook_test, name="webhook_test"),
    path("sent/<int:delivery>/again/", views.webhook_resend, name="webhook_resend"),
]
