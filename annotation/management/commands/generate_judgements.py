"""`manage.py generate_judgements --workspace NAME`: made-up judgements, to see what size costs."""

import argparse
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.urls import reverse

from annotation.made_up.generate import generate_judgements
from webapp.accounts.models import User
from webapp.public_address import public_address


class Command(BaseCommand):
    help = (
        "Make a new workspace with made-up prompts, answers, people and judgements (shown as "
        "simulated everywhere), to see how Rondo carries as many as yours will be. Delete it on "
        "its settings page afterwards."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--workspace", default="Made up", help="the new workspace's name")
        parser.add_argument("--judgements", type=int, default=1_000_000, help="how many")
        parser.add_argument("--seed", type=int, default=0, help="another one: other votes")
        parser.add_argument("--by", help="e-mail address of its manager; a site admin by default")

    def handle(self, *args: Any, **given: Any) -> None:
        try:
            workspace = generate_judgements(
                name=given["workspace"],
                judgements=given["judgements"],
                by=_person(given["by"]),
                seed=given["seed"],
                say=self._say,
            )
        except ValidationError as refused:
            raise CommandError("\n".join(refused.messages)) from None
        self._say(f"Done: {public_address(reverse('workspace_home', args=[workspace.slug]))}")

    def _say(self, sentence: str) -> None:
        self.stdout.write(sentence)
        self.stdout.flush()


def _person(address: str | None) -> User:
    people = User.objects.filter(is_active=True)
    if address:
        found = people.filter(email__iexact=address).first()
        missing = f"Nobody here has the address {address!r}."
    else:
        found = people.filter(is_site_admin=True).order_by("pk").first()
        missing = "There is no site admin. Name somebody by --by."
    if found is None:
        raise CommandError(missing)
    return found
