from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from webapp.accounts.actions.create_first_admin import create_admin, create_first_admin


class Command(BaseCommand):
    help = "Make a site admin and print the password once. Without --email: only if there is none."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--email", help="the new admin's address")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            made = (
                create_admin(email=options["email"]) if options["email"] else create_first_admin()
            )
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        if made is None:
            self.stdout.write("There is a site admin already. For another: --email ADDRESS")
            return
        self.stdout.write(f"Log in as {made[0]} with the password {made[1]} (shown only now)")
