from django.urls import path

from webapp.design import views

urlpatterns = [
    path("theme/", views.theme, name="theme"),
    path("design", views.design, name="design"),
]
