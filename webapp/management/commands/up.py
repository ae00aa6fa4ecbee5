"""manage.py up: everything that Rondo needs, on this machine, until Ctrl-C (./run calls it).

./run demo begins the demonstration beside it (training/demo).
"""

import argparse
import sys
from typing import Any

from django.core.management.base import BaseCommand

from webapp.environment import SettingError
from webapp.services.lifeline import ServiceError
from webapp.services.start import CannotStart, up
from webapp.services.supervisor import Program


class Command(BaseCommand):
    help = "Start database, broker, web and workers; Ctrl-C stops all of them."
    requires_system_checks: list[str] = []  # up() runs them once the database answers

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("what", nargs="*", help="demo: run the demonstration as well")
        parser.add_argument("--small", action="store_true", help="of demo: a tiny model, minutes")

    def handle(self, *args: Any, **options: Any) -> None:
        unknown = [word for word in options["what"] if word != "demo"]
        if options["small"] and not options["what"]:
            unknown = ["--small"]
        if unknown:
            sys.exit(
                f"./run takes no argument {unknown[0]!r}; ./run demo [--small] runs the"
                " demonstration. Settings come from the environment or from .env; .env.example"
                " explains each one."
            )
        try:
            up(*([_demonstration(small=options["small"])] if options["what"] else []))
        except (CannotStart, ServiceError, SettingError) as error:
            sys.exit(str(error))


def _demonstration(*, small: bool) -> Program:
    command = [sys.executable, "manage.py", "demo", *(["--small"] if small else [])]
    return Program("demo", command, once=True)
