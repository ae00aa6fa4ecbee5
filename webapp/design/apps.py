from django.apps import AppConfig


class DesignConfig(AppConfig):
    name = "webapp.design"
    label = "design"
