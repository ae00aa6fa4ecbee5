"""The loop of a workspace as it stands: what each stage made last, of what, and what is stale.

A stage is stale when what it was made of has a newer version: judgements after the snapshot, a
snapshot after the run, a model after the policy that began from it, a policy that no board rates.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Max
from django.urls import reverse
from django.utils.translation import gettext as _

from annotation.models import Comparison, Demonstration, Ranking
from training.lineage_ends import boards_about
from training.models import (
    DatasetSnapshot,
    Method,
    ModelEndpoint,
    ModelVersion,
    Outcome,
    Purpose,
    SnapshotJudgements,
    SnapshotKind,
    SnapshotState,
    TrainingRun,
)
from webapp.jobs.models import ACTIVE
from webapp.workspaces.models import Workspace

POLICIES = (Method.PPO, Method.RLOO, Method.REINFORCE, Method.RAFT, Method.DPO, Method.KTO)
WITHOUT_REWARD = (Method.DPO, Method.KTO)  # they learn from the preferences themselves
DIGITS = 12  # of a fingerprint


@dataclass(frozen=True)
class Stage:
    """One stage. `key`: demonstrations, sft, preferences, reward, policy or evaluation; `made`: its
    newest output, "" where there is none; `of`: its inputs; `digest`: of its configuration, or of
    the file; `stale`: why it is; `working`: a run of it is under way; `next`: what to do."""

    key: str
    label: str
    made: str = ""
    url: str = ""
    of: str = ""
    digest: str = ""
    stale: str = ""
    working: bool = False
    next: str = ""
    next_url: str = ""


def stages(workspace: Workspace) -> list[Stage]:
    """The six of them in the order of the loop; a constant number of queries."""
    found = _Found(workspace)
    return [
        found.snapshot(
            "demonstrations",
            _("Demonstrations"),
            SnapshotKind.PROMPT_COMPLETION,
            {"demonstration": Demonstration},
        ),
        found.fine_tuned(),
        found.snapshot(
            "preferences",
            _("Comparisons"),
            SnapshotKind.PREFERENCE,
            {"comparison": Comparison, "ranking": Ranking},
        ),
        found.reward(),
        found.policy(),
        found.evaluation(),
    ]


class _Found:
    """What there is, fetched once."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        ready = DatasetSnapshot.objects.filter(workspace=workspace, state=SnapshotState.READY)
        self.snapshots = {row.kind: row for row in ready.order_by("kind", "-pk").distinct("kind")}
        runs = TrainingRun.objects.filter(workspace=workspace, purpose=Purpose.RUN)
        done = runs.filter(outcome=Outcome.DONE).order_by("method", "-pk").distinct("method")
        self.runs = {
            run.method: run
            for run in done.prefetch_related("data__snapshot", "models__version", "versions")
        }
        self.active = set(runs.filter(job__state__in=ACTIVE).values_list("method", flat=True))

    # ---- stages

    def snapshot(self, key: str, label: str, kind: str, judgements: Mapping[str, Any]) -> Stage:
        snapshot = self.snapshots.get(kind)
        judged = any(self._since(snapshot, name, rows) for name, rows in judgements.items())
        new_url = self._url("snapshot_new")
        if snapshot is None:
            what = _("Freeze what people said") if judged else _("Open a campaign")
            begin = reverse("annotation:campaign_new", args=[self.workspace.slug])
            return Stage(key, label, next=what, next_url=new_url if judged else begin)
        return Stage(
            key,
            label,
            made=snapshot.name,
            url=self._url("snapshot", snapshot.pk),
            of=_("%d rows") % (snapshot.rows or 0),
            digest=snapshot.sha256[:DIGITS],
            stale=_("People have judged since.") if judged else "",
            next=_("Freeze anew") if judged else "",
            next_url=new_url if judged else "",
        )

    def fine_tuned(self) -> Stage:
        run = self.runs.get(Method.SFT)
        return self._learned("sft", _("Fine-tuned"), [Method.SFT], run, [self._unread(run)])

    def reward(self) -> Stage:
        run = self.runs.get(Method.REWARD)
        old = [self._unread(run), self._behind(run, "base", Method.SFT)]
        return self._learned("reward", _("Reward model"), [Method.REWARD], run, old)

    def policy(self) -> Stage:
        run = self._newest_policy()
        old = [self._behind(run, "base", Method.SFT), self._behind(run, "reward", Method.REWARD)]
        if run is not None and run.method in WITHOUT_REWARD:
            old.append(self._unread(run))
        return self._learned("policy", _("Policy"), POLICIES, run, old)

    def evaluation(self) -> Stage:
        key, label = "evaluation", _("Evaluation")
        run = self._newest_policy() or self.runs.get(Method.SFT)
        model = self._model_of(run)
        boards = reverse("annotation:boards", args=[self.workspace.slug])
        if model is None:
            return Stage(key, label)
        names = ModelEndpoint.objects.filter(version=model).values_list("name", flat=True)
        rows = boards_about(self.workspace, list(names))
        if not rows:
            sentence = _("No board has a vote about %s.") % model
            campaign = reverse("annotation:campaign_new", args=[self.workspace.slug])
            return Stage(
                key,
                label,
                url=boards,
                stale=sentence,
                next=_("Let people compare it"),
                next_url=campaign,
            )
        newest = rows[-1]
        url = reverse("annotation:board", args=[self.workspace.slug, newest.pk])
        return Stage(key, label, made=newest.name, url=url, of=str(model))

    # ---- parts

    def _since(self, snapshot: DatasetSnapshot | None, kind: str, judgements: Any) -> bool:
        """Whether anybody has judged since the snapshot (at all, without one). From the last id in
        it on: of ten million rows only the newer ones are looked at."""
        found = judgements.objects.filter(prompt__workspace=self.workspace)
        if snapshot is not None:
            held = SnapshotJudgements.objects.filter(snapshot=snapshot, kind=kind)
            last = held.aggregate(last=Max("last"))["last"] or 0
            found = found.filter(pk__gt=last, created_at__gt=snapshot.frozen_at)
        return bool(found.exists())

    def _learned(
        self,
        key: str,
        label: str,
        methods: Iterable[str],
        run: TrainingRun | None,
        old: Iterable[str],
    ) -> Stage:
        methods = list(methods)
        working = bool(self.active.intersection(methods))
        begin = f"{self._url('run_new')}?method={methods[0]}"
        if run is None:
            return Stage(key, label, working=working, next=_("Launch a run"), next_url=begin)
        model = self._model_of(run)
        stale = " ".join(sentence for sentence in old if sentence)
        inputs = [str(use.version) for use in run.models.all() if use.version is not None]
        inputs += [piece.snapshot.name for piece in run.data.all()]
        again = f"{self._url('run_new')}?clone={run.pk}&method={run.method}"
        return Stage(
            key,
            label,
            made=str(model or run),
            url=self._url("model", model.pk) if model else self._url("run", run.pk),
            of=", ".join(inputs),
            digest=config_digest(run),
            stale=stale,
            working=working,
            next=_("Launch it anew") if stale else "",
            next_url=again if stale else "",
        )

    def _newest_policy(self) -> TrainingRun | None:
        found = [self.runs[method] for method in POLICIES if method in self.runs]
        return max(found, key=lambda run: run.pk, default=None)

    def _model_of(self, run: TrainingRun | None) -> ModelVersion | None:
        made = [version for version in run.versions.all() if version.ready] if run else []
        return made[0] if made else None

    def _unread(self, run: TrainingRun | None) -> str:
        """A newer snapshot of the kind that the run learned from; "" where there is none."""
        for piece in run.data.all() if run else []:
            newest = self.snapshots.get(piece.snapshot.kind)
            if newest is not None and newest.pk > piece.snapshot_id:
                return _("The snapshot “%s” is newer than what it learned from.") % newest
        return ""

    def _behind(self, run: TrainingRun | None, role: str, method: str) -> str:
        """The newest model of `method` is not the one that the run used; "" where it is."""
        newest = self._model_of(self.runs.get(method))
        for use in run.models.all() if run else []:
            if use.role != role or newest is None or use.version_id is None:
                continue
            if newest.pk > use.version_id:
                return _("%(newest)s is newer than %(used)s, which it used.") % {
                    "newest": newest,
                    "used": use.version,
                }
        return ""

    def _url(self, route: str, *args: Any) -> str:
        return reverse(f"training:{route}", args=[self.workspace.slug, *args])


def config_digest(run: TrainingRun) -> str:
    """The first digits of the sha256 of a run's settings: equal for runs that do the same."""
    text = json.dumps(run.config, sort_keys=True).encode()
    return hashlib.sha256(text).hexdigest()[:DIGITS]
