"""What a loop brought, round by round: what was judged, how well it was learned, what it was worth.

Each figure is one that has its own page; here they stand side by side. Votes are those of one
source (people, judges or a simulated annotator), and the page says which.
"""

from dataclasses import dataclass, field
from typing import Any

from django.db.models import Avg, Count, Sum
from django.db.models.functions import Length
from django.utils.translation import gettext as _

from annotation.domain.proportions import Share, share
from annotation.models import (
    Campaign,
    Comparison,
    Completion,
    ItemCompletion,
    Ranking,
    Source,
)
from annotation.models.campaigns import Kind
from annotation.queries import current
from training.measured import accuracy_of, wins_against
from training.models import ModelVersion, Round, SnapshotKind, TrainingRun, VersionState
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
    def votes(self) -> int:
        return sum(
            sum(each.judged.values()) + sum(each.compared.values()) for each in self.chapters
        )

    @property
    def is_simulated(self) -> bool:
        return self.source == Source.SIMULATED

    @property
    def source_label(self) -> str:
        return str(Source(self.source).label).lower()


def story_of(found: Round) -> Story:
    """What the loop of this round brought."""
    workspace = found.workspace
    rounds = list(
        rounds_in(workspace)
        .filter(name=found.name)
        .select_related("campaign", "comparison", "answers")
        .order_by("number")
    )
    base = rounds[0].base
    source = _main_source(rounds)
    made = [_models_of(found) for found in rounds]
    names = [str(version) for each in made for _run, version in each]
    wins = wins_against(workspace, str(base), names, source=source)
    chapters = [
        _chapter(found, base, models, wins) for found, models in zip(rounds, made, strict=True)
    ]
    return Story(found.name, base, source, chapters)


def _main_source(rounds: list[Round]) -> str:
    """The one with most votes in the comparisons; people where nobody voted yet."""
    votes = _by_source([found.comparison for found in rounds if found.comparison])
    return max(votes, key=lambda source: votes[source]) if votes else Source.HUMAN


def _models_of(found: Round) -> list[tuple[TrainingRun, ModelVersion]]:
    """The results of the round's recipe that are there, with their runs."""
    recipe = RoundPlan.from_json(found.plan).chosen_recipe
    runs = [each.run for each in found.runs.select_related("run")]
    results = [runs[at] for at in (*recipe.beside, len(recipe.steps) - 1) if at < len(runs)]
    ready = ModelVersion.objects.filter(run__in=results, state=VersionState.READY)
    versions = {version.run_id: version for version in ready.order_by("-pk")}
    return [(run, versions[run.pk]) for run in results if run.pk in versions]


def _chapter(
    found: Round,
    base: ModelVersion,
    models: list[tuple[TrainingRun, ModelVersion]],
    wins: dict[str, tuple[float, int]],
) -> Chapter:
    runs = [each.run for each in found.runs.select_related("run")]
    reward = next((run for run in runs if run.method == "reward"), None)
    lengths = _lengths(found)
    told = []
    for run, version in models:
        won, n = wins.get(str(version), (0.0, 0))
        told.append(
            Told(
                version=version,
                run=run,
                wins=share(won, n) if n else None,
                kl=_metrics(run).get("objective/kl"),
                length=lengths.get(str(version)),
            )
        )
    return Chapter(
        round=found,
        judged=_by_source([found.campaign]),
        compared=_by_source([found.comparison]),
        accuracy=accuracy_of(_metrics(reward), _held_out(found)) if reward else None,
        models=told,
        base_length=lengths.get(str(base)),
        minutes=_minutes(found),
        training_seconds=sum(float(run.result.get("seconds") or 0) for run in runs),
        cost=_cost(found),
        reward_run=reward,
    )


def _minutes(found: Round) -> float | None:
    return (found.ended_at - found.created_at).total_seconds() / 60 if found.ended_at else None


def _metrics(run: TrainingRun) -> dict[str, Any]:
    return dict(run.result.get("metrics") or {})


def _held_out(found: Round) -> int:
    kept = found.snapshots.select_related("snapshot").filter(kind=SnapshotKind.PREFERENCE).first()
    return int(kept.snapshot.splits.get("validation", 0)) if kept is not None else 0


def _by_source(campaigns: list[Campaign | None]) -> dict[str, int]:
    """Judgements that count, by who made them."""
    found: dict[str, int] = {}
    for campaign in campaigns:
        if campaign is None:
            continue
        model = Ranking if campaign.kind == Kind.RANKING else Comparison
        rows: Any = current(model._default_manager.filter(assignment__campaign=campaign))
        for row in rows.order_by().values("source").annotate(n=Count("pk")):
            found[row["source"]] = found.get(row["source"], 0) + row["n"]
    return found


def _lengths(found: Round) -> dict[str, float]:
    """Generator -> mean characters of its answers in the comparison."""
    if found.comparison is None:
        return {}
    shown = ItemCompletion.objects.filter(item__campaign=found.comparison)
    rows: Any = (
        Completion.objects.filter(pk__in=shown.values("completion"))
        .order_by()
        .values("generator")
        .annotate(mean=Avg(Length("text")))
    )
    return {row["generator"]: row["mean"] for row in rows}


def _cost(found: Round) -> float:
    """What services asked for the answers of this round; models of our own cost nothing here."""
    batches = [batch for batch in (found.batch, found.answers) if batch is not None]
    total = 0.0
    for batch in batches:
        total += float(batch.entries.aggregate(sum=Sum("generation__cost"))["sum"] or 0)
    return total


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
