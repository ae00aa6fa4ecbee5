"""`manage.py demo [--small]`: three rounds with a simulated annotator, from prompts to boards."""

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.urls import reverse

from training.demo.export import export_story
from training.demo.follow import Stopped, carry_out
from training.demo.plan import SMALL, WHOLE
from training.models import Round
from webapp.accounts.models import User
from webapp.public_address import public_address


class Command(BaseCommand):
    help = (
        "Run the demonstration: three rounds of answers, judgements by a stated rule (shown as "
        "simulated everywhere), training by SFT, reward model, DPO and PPO, and boards. It needs "
        "running workers (./run demo starts them), and goes on where it stopped."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "--small", action="store_true", help="a model of 0.26 million parameters, for minutes"
        )
        parser.add_argument("--base", help="another base model: a folder, or an id on the hub")
        parser.add_argument("--rounds", type=int, help="how many rounds; 3 by default")
        parser.add_argument("--by", help="e-mail address of who begins it; a site admin by default")
        parser.add_argument(
            "--export",
            type=Path,
            metavar="FOLDER",
            help="afterwards, write what it brought as a page, pictures and figures into FOLDER",
        )

    def handle(self, *args: Any, **given: Any) -> None:
        plan = SMALL if given["small"] else WHOLE
        if given["base"]:
            plan = replace(plan, base=given["base"], base_name="base", licence="")
        if given["rounds"] is not None:
            if not 1 <= given["rounds"] <= 7:
                raise CommandError(f"--rounds is {given['rounds']}. Allowed: 1 to 7.")
            plan = replace(plan, rounds=given["rounds"])
        try:
            done = carry_out(plan, _person(given["by"]), self._say)
        except ValidationError as refused:
            raise CommandError("\n".join(refused.messages)) from None
        except Stopped as stopped:
            raise CommandError(str(stopped)) from None
        last = done[-1]
        if given["export"] is not None:
            self._export(last, given["export"])
        page = reverse("training:loop", args=[last.workspace.slug, last.pk])
        self._say(f"Done: {public_address(page)}")

    def _export(self, last: Round, folder: Path) -> None:
        try:
            written = export_story(last, folder)
        except OSError as why:
            raise CommandError(f"{folder} cannot be written: {why.strerror}.") from None
        self._say(f"{len(written)} files written into {folder}.")

    def _say(self, sentence: str) -> None:
        self.stdout.write(sentence)
        self.stdout.flush()


def _person(address: str | None) -> User:
    people = User.objects.filter(is_active=True)
    found = (
        people.filter(email__iexact=address).first()
        if address
        else people.filter(is_site_admin=True).order_by("pk").first()
    )
    if found is None:
        raise CommandError(
            f"Nobody here has the address {address!r}." if address else "There is no site admin."
        )
    return found
