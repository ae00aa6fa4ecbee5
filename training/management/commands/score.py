"""`manage.py score sampling|trial|snapshot`: a reward model scores answers, from a shell."""

from argparse import ArgumentParser
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError

from annotation.exports.plan import ExportPlan
from annotation.judgement_filter import KINDS, JudgementFilter
from annotation.models import Source
from training.actions.freeze_snapshot import freeze_snapshot
from training.model_names import model_named
from training.models import Batch, DatasetSnapshot, ModelKind, ModelVersion, Scoring, Trial
from training.scoring.actions.start_scoring import start_scoring
from training.scoring.queries import scores_of_trial, summaries
from training.scoring.screen import SCREENED, Screen
from webapp.accounts.models import User
from webapp.jobs.follow import follow
from webapp.jobs.models import Job, State
from webapp.workspaces.models import Workspace


class Command(BaseCommand):
    help = (
        "Have a registered reward model score the answers of a sampling or of a trial, or drop "
        "rows of a snapshot while it is frozen. A worker does it; the scores stand in the browser."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        acts = parser.add_subparsers(dest="act", required=True)
        for act, what in (("sampling", "answers of a sampling"), ("trial", "columns of a trial")):
            some = acts.add_parser(act, help=f"the {what}")
            _add_common(some)
            some.add_argument("id", type=int, help="the number in its address")
        frozen = acts.add_parser("snapshot", help="freeze what the reward model lets pass")
        _add_common(frozen)
        frozen.add_argument("name", help="of the new snapshot")
        frozen.add_argument("--kind", default="preference", choices=[k.value for k in SCREENED])
        frozen.add_argument("--least", type=float, help="drop what is worth less, such as -0.5")
        frozen.add_argument("--lowest", type=float, metavar="0..1", help="or drop this share")
        frozen.add_argument("--validation-share", type=float, default=0.05, metavar="0..1")
        frozen.add_argument("--judged-by", action="append", default=[], choices=Source.values)
        frozen.add_argument("--judgements", action="append", default=[], choices=list(KINDS))
        frozen.add_argument("--tag", action="append", default=[], help="of the prompts")

    def handle(self, *args: Any, **given: Any) -> None:
        workspace = Workspace.objects.filter(slug=given["workspace"]).first()
        by = User.objects.filter(email__iexact=given["by"]).first()
        if workspace is None or by is None:
            raise CommandError("There is no such workspace, or nobody with that address.")
        try:
            reward = model_named(workspace, given["reward"], ModelKind.REWARD)
            if given["act"] == "snapshot":
                self._freeze(workspace, by, reward, given)
            else:
                self._score(workspace, by, reward, given)
        except ValidationError as refused:
            raise CommandError("\n".join(refused.messages)) from None

    def _score(
        self, workspace: Workspace, by: User, reward: ModelVersion, given: dict[str, Any]
    ) -> None:
        rows = Batch if given["act"] == "sampling" else Trial
        found = rows.objects.filter(workspace=workspace, pk=given["id"]).first()
        if found is None:
            raise CommandError(f"There is no {given['act']} {given['id']} in {workspace.slug}.")
        of: dict[str, Any] = {"batch" if rows is Batch else "trial": found}
        scoring = start_scoring(reward=reward, by=by, **of)
        self._follow(scoring.job, given)
        if given["follow"]:
            self._tell(scoring)

    def _tell(self, scoring: Scoring) -> None:
        if scoring.trial is not None:
            for answer, scores in sorted(scores_of_trial(scoring.trial).items()):
                for name, value, best in scores:
                    mark = " (highest)" if best else ""
                    self.stdout.write(f"answer {answer}: {name} {_figure(value)}{mark}")
            return
        assert scoring.batch is not None
        for one in summaries(scoring.batch):
            if one.scoring.pk == scoring.pk:
                self.stdout.write(
                    f"{one.answers} answers to {one.prompts} prompts: mean {_figure(one.mean)}, "
                    f"best for each prompt {_figure(one.best)}"
                )

    def _freeze(
        self, workspace: Workspace, by: User, reward: ModelVersion, given: dict[str, Any]
    ) -> None:
        settings = {"validation_share": given["validation_share"]}
        told = {"kinds": given["judgements"], "sources": given["judged_by"]}
        snapshot = freeze_snapshot(
            workspace=workspace,
            by=by,
            name=given["name"],
            plan=ExportPlan.from_settings(given["kind"], settings),
            chosen=JudgementFilter.from_json(
                {**told, "prompts": {"tags": given["tag"]} if given["tag"] else {}}
            ),
            screen=Screen(reward, least=given["least"], lowest=given["lowest"]),
        )
        self._follow(snapshot.job, given)
        if given["follow"]:
            frozen = DatasetSnapshot.objects.get(pk=snapshot.pk)
            said = frozen.counts["screen"]
            self.stdout.write(
                f"{frozen.name}: {frozen.rows} rows; of {said['looked_at']} that {reward} looked "
                f"at, {said['dropped'] + said['unreadable']} were dropped. SHA-256 {frozen.sha256}"
            )

    def _follow(self, job: Job | None, given: dict[str, Any]) -> None:
        assert job is not None
        self.stdout.write(f"It is queued as job {job.pk}.")
        if given["follow"]:
            ended = follow(job, self._write)
            if ended.state != State.DONE:
                raise CommandError(ended.error or f"Job {ended.pk} was {ended.state}.")

    def _write(self, text: str) -> None:
        self.stdout.write(text, ending="")
        self.stdout.flush()


def _add_common(parser: ArgumentParser) -> None:
    parser.add_argument("workspace", help="its slug")
    parser.add_argument("--reward", required=True, help="a reward model, NAME or NAME:VERSION")
    parser.add_argument("--by", required=True, help="e-mail address of who asks for it")
    parser.add_argument("--follow", action="store_true", help="show a bar until it is done")


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.4g}"
