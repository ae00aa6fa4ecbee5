"""`manage.py sample --workspace SLUG --model NAME`: the same job as in the browser."""

from decimal import Decimal, InvalidOperation
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.http import QueryDict

from annotation.models import Prompt
from annotation.prompt_filter import PromptFilter
from training.actions.sample import SamplePlan, sample
from training.model_queries import askable
from webapp.accounts.models import User
from webapp.jobs.follow import follow
from webapp.jobs.models import State
from webapp.workspaces.models import Workspace


class Command(BaseCommand):
    help = (
        "Have models answer a workspace's prompts. The answers are kept as completions; the job "
        "is made by a worker, shows its progress in the browser, and can be stopped and resumed."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--workspace", required=True, help="its slug")
        parser.add_argument("--by", required=True, help="e-mail address of who asks for it")
        parser.add_argument("--model", action="append", required=True, help="its name; may repeat")
        parser.add_argument("--name", default="Sampled answers", help="what to call the job")
        parser.add_argument(
            "--prompts", default="", help="a filter as in the browser's address: tag=math&q=sum"
        )
        parser.add_argument("--most", type=int, help="prompts at most, the oldest first")
        parser.add_argument("--temperature", type=float, action="append", help="may repeat (0.7)")
        parser.add_argument("--seed", type=int, action="append", help="may repeat (0)")
        parser.add_argument("--samples", type=int, default=1, help="answers for each of these")
        parser.add_argument("--top-p", type=float, default=1.0)
        parser.add_argument("--max-tokens", type=int, help="of an answer")
        parser.add_argument("--budget", default="", help="the job stops before it costs more")
        parser.add_argument("--follow", action="store_true", help="show a bar until it is done")

    def handle(self, *args: Any, **given: Any) -> None:
        workspace = Workspace.objects.filter(slug=given["workspace"]).first()
        person = User.objects.filter(email__iexact=given["by"]).first()
        if workspace is None:
            raise CommandError(f"There is no workspace {given['workspace']!r}.")
        if person is None:
            raise CommandError(f"Nobody here has the address {given['by']!r}.")
        models = {model.name: model for model in askable(workspace)}
        unknown = [name for name in given["model"] if name not in models]
        if unknown:
            raise CommandError(
                f"There is no model {unknown[0]!r} to ask. Allowed: {', '.join(models) or 'none'}."
            )
        try:
            chosen = PromptFilter.from_params(QueryDict(given["prompts"]))
            batch = sample(
                workspace=workspace,
                by=person,
                plan=SamplePlan(
                    name=given["name"],
                    endpoints=tuple(models[name] for name in dict.fromkeys(given["model"])),
                    temperatures=tuple(given["temperature"] or (0.7,)),
                    seeds=tuple(given["seed"] or (0,)),
                    samples=given["samples"],
                    top_p=given["top_p"],
                    max_tokens=given["max_tokens"],
                    budget=Decimal(given["budget"]) if given["budget"] else None,
                    most=given["most"],
                    filter=chosen.as_json(),
                ),
                prompts=chosen.apply(Prompt.objects.filter(workspace=workspace)),
            )
        except InvalidOperation:
            raise CommandError(f"The budget is {given['budget']!r}; write a number.") from None
        except ValidationError as refused:
            raise CommandError(" ".join(refused.messages)) from None
        count = batch.entries.count()
        self.stdout.write(
            f"{count} requests are queued as job {batch.job_id}: "
            f"/w/{workspace.slug}/samplings/{batch.pk}/"
        )
        if given["follow"]:
            assert batch.job is not None
            job = follow(batch.job, self._write)
            if job.state != State.DONE:
                raise CommandError(job.error or f"Job {job.pk} was {job.state}.")

    def _write(self, text: str) -> None:
        self.stdout.write(text, ending="")
        self.stdout.flush()
