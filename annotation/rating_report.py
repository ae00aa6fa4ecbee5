"""What the ratings of a campaign say: agreement by aspect, means and marked parts by writer, and
whether scores and choices tell the same story. Everything by the database or in one pass."""

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import Any

from django.db.models import Avg, Count, QuerySet

from annotation.domain.agreement import Coefficient, Level, krippendorff_alpha
from annotation.domain.proportions import Share, share
from annotation.domain.rating_scales import safety_bin
from annotation.models import Campaign, Comparison, Marking, Rating
from annotation.models.judgements import Choice
from annotation.queries import current

RESAMPLES = 200


@dataclass(frozen=True)
class Aspect:
    """alpha: of the people who rated the same answer. means: writer, mean score, ratings."""

    name: str
    alpha: Coefficient
    means: list[tuple[str, float, int]]


@dataclass(frozen=True)
class RatingReport:
    """parts: label, writer, marked parts, and parts for each rated answer. bins: Llama-2's."""

    aspects: list[Aspect]
    parts: list[tuple[str, str, int, float]]
    follows: Share  # of choices with unequal overall scores, those for the higher one
    bins: list[tuple[str, int]]


def rating_report(campaign: Campaign) -> RatingReport | None:
    """None where the campaign asks nothing about single answers."""
    if not campaign.asks:
        return None
    ratings = current(Rating.objects.filter(assignment__campaign=campaign))
    scores = _scores(campaign)
    return RatingReport(
        _aspects(campaign, ratings), _parts(campaign), _follows(scores), _bins(scores)
    )


def _aspects(campaign: Campaign, ratings: QuerySet[Rating]) -> list[Aspect]:
    units: dict[str, dict[tuple[int, int], list[float]]] = defaultdict(lambda: defaultdict(list))
    rows = ratings.filter(assignment__repeat_of=None).values_list(
        "aspect", "assignment__item_id", "completion_id", "score"
    )
    for aspect, item, completion, score in rows.order_by("pk").iterator():
        units[aspect][item or 0, completion].append(score)
    means: dict[str, list[tuple[str, float, int]]] = defaultdict(list)
    for row in (
        ratings.values("aspect", "completion__generator")
        .annotate(mean=Avg("score"), n=Count("pk"))
        .order_by("aspect", "-mean")
    ):
        means[row["aspect"]].append((row["completion__generator"], row["mean"], row["n"]))
    return [
        Aspect(
            aspect,
            krippendorff_alpha(
                list(found.values()), Level.INTERVAL, resamples=RESAMPLES, seed=campaign.pk
            ),
            means[aspect],
        )
        for aspect, found in units.items()
    ]


def _parts(campaign: Campaign) -> list[tuple[str, str, int, float]]:
    """By label and writer, over the judgements that were given of the writer's answers."""
    judged: Counter[str] = Counter()
    votes = current(Comparison.objects.filter(assignment__campaign=campaign))
    for side in ("left__generator", "right__generator"):
        for writer, n in votes.values_list(side).annotate(n=Count("pk")):
            judged[writer] += n
    marks = (
        current(Marking.objects.filter(assignment__campaign=campaign))
        .values_list("label", "completion__generator")
        .annotate(n=Count("pk"))
        .order_by("label", "completion__generator")
    )
    return [(label, writer, n, n / max(judged[writer], 1)) for label, writer, n in marks]


Scores = list[tuple[str, dict[str, dict[int, float]], int, int]]


def _scores(campaign: Campaign) -> Scores:
    """(choice, aspect -> completion -> score, left, right) of each vote."""
    given: dict[Any, dict[str, dict[int, float]]] = defaultdict(lambda: defaultdict(dict))
    rated = current(
        Rating.objects.filter(assignment__campaign=campaign, aspect__in=("overall", "safe"))
    )
    for assignment, aspect, completion, score in rated.values_list(
        "assignment_id", "aspect", "completion_id", "score"
    ):
        given[assignment][aspect][completion] = score
    votes = current(Comparison.objects.filter(assignment__campaign=campaign)).values_list(
        "assignment_id", "choice", "left_id", "right_id"
    )
    return [(choice, given[assignment], left, right) for assignment, choice, left, right in votes]


def _follows(scores: Scores) -> Share:
    same = asked = 0
    for choice, given, left, right in scores:
        overall = given.get("overall", {})
        if choice not in (Choice.LEFT, Choice.RIGHT) or not {left, right} <= overall.keys():
            continue
        if overall[left] == overall[right]:
            continue
        asked += 1
        same += (overall[left] > overall[right]) == (choice == Choice.LEFT)
    return share(same, asked)


def _bins(scores: Scores) -> list[tuple[str, int]]:
    found: Counter[str] = Counter()
    for choice, given, left, right in scores:
        safe = given.get("safe", {})
        if choice in (Choice.LEFT, Choice.RIGHT) and {left, right} <= safe.keys():
            found[safety_bin(bool(safe[left]), bool(safe[right]), choice == Choice.LEFT)] += 1
    return found.most_common()
