from django.apps import AppConfig


class WebappConfig(AppConfig):
    name = "webapp"
    verbose_name = "Rondo"

    def ready(self) -> None:
        from webapp import checks  # noqa: F401 - importing registers them
