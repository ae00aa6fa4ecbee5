"""manage.py up: everything that Rondo needs, on this machine, until Ctrl-C (./run calls it)."""

import argparse
import sys
from typing import Any

from django.core.management.base import BaseCommand

from webapp.environment import SettingError
from webapp.services.lifeline import ServiceError
from webapp.services.start import CannotStart, up


class Command(BaseCommand):
    help = "Start database, broker, web and workers; Ctrl-C stops all of them."
    requires_system_checks: list[str] = []  # up() runs them once the database answers

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("unknown", nargs="*", help=argparse.SUPPRESS)

    def handle(self, *args: Any, **options: Any) -> None:
        if options["unknown"]:
            sys.exit(
                f"./run takes no argument {options['unknown'][0]!r}. Settings come from the"
                " environment or from .env; .env.example explains each one."
            )
        try:
            up()
        except (CannotStart, ServiceError, SettingError) as error:
            sys.exit(str(error))
