"""The door for people from a crowd platform, below /crowd/."""

from django.urls import path

from annotation.views import crowd

urlpatterns = [path("<int:link>/<str:secret>/", crowd.crowd, name="crowd")]
