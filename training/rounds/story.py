"""What a loop brought, round by round: what was judged, how well it was learned, what it was worth.

Each figure is one that has its own page; here they stand side by side. Votes are those of one
source (people, judges or a simulated annotator), and the page says which.
"""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Avg, Count, Sum
from django.db.models.functions import Length
from django.utils.translation import gettext as _

from annotation.domain.proportions import Share, share
from annotation.models import Comparison, ItemCompletion, Ranking, Source
from annotation.queries import current
from training.measured import Wins, accuracy_of, wins_against
from training.models import (
    BatchEntry,
    ModelVersion,
    Round,
    RoundRun,
    RoundSnapshot,
    SnapshotKind,
    TrainingRun,
    VersionState,
)
from training.rounds.plan import RoundPlan
from training.rounds.queries import rounds_in

HALF = 0.5


@dataclass(frozen=True)
class Told:
    """A model that a round brought. wins: against the loop's first model; kl: from the model that
    its run began from, in nats an answer, as the trainer measured it last; length: mean characters
    of its answers in the round's comparison."""

    version: ModelVersion
    run: TrainingRun
    wins: Share | None
    kl: float | None
    length: float | None

    @property
    def verdict(self) -> str:
        """What the interval allows to say; nothing of the kind "probably"."""
        if self.wins is None:
            return _("not compared yet")
        assert self.wins.low is not None
        assert self.wins.high is not None
        if self.wins.low > HALF:
            return _("better than the first model")
        if self.wins.high < HALF:
            return _("worse than the first model")
        return _("no difference shown")


@dataclass(frozen=True)
class Chapter:
    """One round. judged, compared: judgements by source. accuracy: of the reward model, on pairs
    that it did not learn from. cost: what services asked for answers, in the currency of their
    prices."""

    round: Round
    judged: dict[str, int]
    compared: dict[str, int]
    accuracy: Share | None
    models: list[Told]
    base_length: float | None
    minutes: float | None  # from its beginning to its end, people's time among it
    training_seconds: float
    cost: float
    reward_run: TrainingRun | None = None


@dataclass(frozen=True)
class Story:
    name: str
    base: ModelVersion
    source: str  # whose votes the wins are
    chapters: list[Chapter] = field(default_factory=list)

    @property
    def is_simulated(self) -> bool:
        return self.source == Source.SIMULATED

    @property
    def source_label(self) -> str:
        return str(Source(self.source).label).lower()


@dataclass(frozen=True)
class Facts:
    """Of all rounds at once, so that a long loop costs as many statements as a short one.

    runs: of each round, in the recipe's order. versions: the ready model of a run. judged: of a
    campaign, judgements that count by source. lengths: of a campaign, mean characters of each
    generator's answers as often as they are shown. held_out: pairs that a round's reward model did
    not learn from. cost: of a batch, what services asked for its answers.
    """

    runs: dict[int, list[TrainingRun]]
    versions: dict[int, ModelVersion]
    judged: dict[int, dict[str, int]]
    lengths: dict[int, dict[str, float]]
    held_out: dict[int, int]
    cost: dict[int, float]


def story_of(found: Round) -> Story:
    """What the loop of this round brought."""
    workspace = found.workspace
    rounds = list(rounds_in(workspace).filter(name=found.name).order_by("number"))
    facts = _facts_of(rounds)
    base = rounds[0].base
    source = _main_source(rounds, facts)
    names = [str(version) for version in facts.versions.values()]
    wins = wins_against(workspace, str(base), names, source=source)
    return Story(found.name, base, source, [_chapter(each, base, facts, wins) for each in rounds])


def _facts_of(rounds: list[Round]) -> Facts:
    runs: dict[int, list[TrainingRun]] = defaultdict(list)
    for kept in RoundRun.objects.filter(round__in=rounds).select_related("run"):
        runs[kept.round_id].append(kept.run)
    every = [run for of_round in runs.values() for run in of_round]
    ready = ModelVersion.objects.filter(run__in=every, state=VersionState.READY)
    frozen = RoundSnapshot.objects.filter(round__in=rounds, kind=SnapshotKind.PREFERENCE)
    batches = [key for each in rounds for key in (each.batch_id, each.answers_id) if key]
    paid: Any = BatchEntry.objects.filter(batch__in=batches).order_by().values("batch")
    return Facts(
        runs=runs,
        versions={version.run_id: version for version in ready.order_by("-pk") if version.run_id},
        judged=_judged([each.campaign_id for each in rounds] + _comparisons(rounds)),
        lengths=_lengths(_comparisons(rounds)),
        held_out={
            each.round_id: int(each.snapshot.splits.get("validation", 0))
            for each in frozen.select_related("snapshot")
        },
        cost={
            row["batch"]: float(row["sum"]) for row in paid.annotate(sum=Sum("generation__cost"))
        },
    )


def _comparisons(rounds: list[Round]) -> list[int | None]:
    return [each.comparison_id for each in rounds]


def _judged(campaigns: list[int | None]) -> dict[int, dict[str, int]]:
    """Judgements that count, by campaign and by who made them."""
    found: dict[int, dict[str, int]] = defaultdict(dict)
    for model in (Comparison, Ranking):
        rows: Any = current(model._default_manager.filter(assignment__campaign__in=campaigns))
        for row in rows.order_by().values("assignment__campaign", "source").annotate(n=Count("pk")):
            found[row["assignment__campaign"]][row["source"]] = row["n"]
    return found


def _lengths(campaigns: list[int | None]) -> dict[int, dict[str, float]]:
    shown: Any = ItemCompletion.objects.filter(item__campaign__in=campaigns).order_by()
    rows = shown.values("item__campaign", "completion__generator")
    found: dict[int, dict[str, float]] = defaultdict(dict)
    for row in rows.annotate(mean=Avg(Length("completion__text"))):
        found[row["item__campaign"]][row["completion__generator"]] = row["mean"]
    return found


def _main_source(rounds: list[Round], facts: Facts) -> str:
    """The one with most votes in the comparisons; people where nobody voted yet."""
    votes: Counter[str] = Counter()
    for campaign in _comparisons(rounds):
        votes.update(facts.judged.get(campaign or 0, {}))
    return votes.most_common(1)[0][0] if votes else Source.HUMAN


def _chapter(found: Round, base: ModelVersion, facts: Facts, wins: Wins) -> Chapter:
    runs = facts.runs[found.pk]
    recipe = RoundPlan.from_json(found.plan).chosen_recipe
    results = [runs[at] for at in (*recipe.beside, len(recipe.steps) - 1) if at < len(runs)]
    reward = next((run for run in runs if run.method == "reward"), None)
    lengths = facts.lengths.get(found.comparison_id or 0, {})
    held_out = facts.held_out.get(found.pk, 0)
    return Chapter(
        round=found,
        judged=facts.judged.get(found.campaign_id or 0, {}),
        compared=facts.judged.get(found.comparison_id or 0, {}),
        accuracy=accuracy_of(_metrics(reward), held_out) if reward else None,
        models=[
            _told(facts.versions[run.pk], run, lengths, wins)
            for run in results
            if run.pk in facts.versions
        ],
        base_length=lengths.get(str(base)),
        minutes=_minutes(found),
        training_seconds=sum(float(run.result.get("seconds") or 0) for run in runs),
        cost=sum(facts.cost.get(key or 0, 0.0) for key in (found.batch_id, found.answers_id)),
        reward_run=reward,
    )


def _told(version: ModelVersion, run: TrainingRun, lengths: dict[str, float], wins: Wins) -> Told:
    won, n = wins.get(str(version), (0.0, 0))
    return Told(
        version=version,
        run=run,
        wins=share(won, n) if n else None,
        kl=_metrics(run).get("objective/kl"),
        length=lengths.get(str(version)),
    )


def _minutes(found: Round) -> float | None:
    return (found.ended_at - found.created_at).total_seconds() / 60 if found.ended_at else None


def _metrics(run: TrainingRun) -> dict[str, Any]:
    return dict(run.result.get("metrics") or {})


def charts(story: Story) -> list[dict[str, Any]]:
    """What elements/chart.html takes: wins, accuracy, KL and length over the rounds."""
    x = {"label": _("Round"), "values": [chapter.round.number for chapter in story.chapters]}
    methods = list(
        dict.fromkeys(told.run.method for chapter in story.chapters for told in chapter.models)
    )
    drawn = []
    wins = [
        series
        for method in methods
        for series in _with_interval(
            method.upper(), [_of(c, method, "wins") for c in story.chapters]
        )
    ]
    accuracy = _with_interval(_("reward model"), [c.accuracy for c in story.chapters])
    kl = [
        {"label": method.upper(), "values": [_of(c, method, "kl") for c in story.chapters]}
        for method in methods
    ]
    length = [
        {"label": method.upper(), "values": [_of(c, method, "length") for c in story.chapters]}
        for method in methods
    ]
    length.append({"label": str(story.base), "values": [c.base_length for c in story.chapters]})
    for key, title, series in (
        ("wins", _("Win rate against %s") % story.base, wins),
        ("accuracy", _("Held-out pairs in the annotators' order"), accuracy),
        ("kl", _("KL from the model it began from, nats an answer"), kl),
        ("length", _("Mean length of an answer, characters"), length),
    ):
        known = [one for one in series if any(value is not None for value in one["values"])]
        if known:
            drawn.append({"id": f"story-{key}", "title": title, "chart": {"x": x, "series": known}})
    return drawn


def _of(chapter: Chapter, method: str, figure: str) -> Any:
    return next((getattr(t, figure) for t in chapter.models if t.run.method == method), None)


def _with_interval(label: str, shares: list[Share | None]) -> list[dict[str, Any]]:
    parts = (("", "value"), (_(", 95 % from"), "low"), (_(", to"), "high"))
    return [
        {
            "label": f"{label}{words}",
            "values": [getattr(one, part) if one else None for one in shares],
        }
        for words, part in parts
    ]
