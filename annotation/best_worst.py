"""Best-worst counts of a campaign in one statement; domain.best_worst has the arithmetic."""

from django.db.models import Count, Exists, Q

from annotation.domain.best_worst import Counted, Score, scores
from annotation.models import Campaign, Ranking, RankingEntry
from annotation.queries import given
from annotation.votes import answers_of_people, left_out


def best_worst_of(campaign: Campaign) -> list[Score]:
    """By who wrote the answers; the first answers of the people who are not excluded."""
    rankings = given(answers_of_people(Ranking, campaign)).filter(
        ~Exists(left_out(campaign)), assignment__repeat_of__isnull=True, partial=True
    )
    rows = (
        RankingEntry.objects.filter(ranking__in=rankings)
        .values("completion__generator", "ranking__annotator")
        .annotate(
            best=Count("pk", filter=Q(tier=1)),
            worst=Count("pk", filter=Q(tier=3)),
            shown=Count("pk"),
        )
        .values_list("completion__generator", "ranking__annotator", "best", "worst", "shown")
    )
    return scores(
        Counted(name, str(person), best, worst, shown)
        for name, person, best, worst, shown in rows.order_by()
    )
