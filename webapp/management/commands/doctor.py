"""manage.py doctor: is anything in a state that cannot be? Exit code 1 when something is."""

import sys
from typing import Any

from django.core.management.base import BaseCommand

from webapp.doctor import examine


class Command(BaseCommand):
    help = "Examine the installation; each finding says what to do. Changes nothing."
    requires_system_checks: list[str] = []  # it reports, even where they would refuse

    def handle(self, *args: Any, **options: Any) -> None:
        findings = examine()
        for finding in findings:
            self.stdout.write(f"{finding.title}: {'ok' if not finding.sentences else ''}".rstrip())
            for sentence in finding.sentences:
                self.stdout.write(f"  - {sentence}")
        wrong = sum(len(finding.sentences) for finding in findings)
        if wrong:
            self.stdout.write(f"{wrong} findings.")
            sys.exit(1)
        self.stdout.write("All is well.")
