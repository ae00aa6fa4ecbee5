"""What the pages of duplicates show, in a fixed number of queries."""

from collections import defaultdict
from typing import Any

from django.db.models import Count, F, Window
from django.db.models.functions import Left, RowNumber

from annotation.domain.conversation_text import said
from annotation.domain.shingles import jaccard
from annotation.models import DuplicateCluster, DuplicateMember, Prompt
from annotation.prompt_filter import JUDGEMENTS
from annotation.queries import current
from webapp.rendering import render_markdown

SAMPLES = 2  # texts of each cluster on the list
MEMBERS = 50  # prompts of a cluster on its page


def clusters_with_samples(clusters: list[DuplicateCluster]) -> list[dict[str, Any]]:
    """Each cluster with the beginnings of its first texts."""
    ranked = (
        DuplicateMember.objects.filter(cluster__in=clusters)
        .annotate(
            place=Window(RowNumber(), partition_by=[F("cluster")], order_by=[F("prompt").asc()]),
            excerpt=Left("prompt__text", 200),
        )
        .filter(place__lte=SAMPLES)
    )
    texts: dict[int, list[str]] = defaultdict(list)
    for cluster, excerpt in ranked.order_by("place").values_list("cluster_id", "excerpt"):
        texts[cluster].append(excerpt)
    return [{"row": cluster, "texts": texts[cluster.pk]} for cluster in clusters]


def cluster_rows(cluster: DuplicateCluster) -> list[dict[str, Any]]:
    """The prompts of a cluster, the oldest first, each with how alike it is to the first."""
    members = cluster.members.order_by("prompt_id").values_list("prompt_id", flat=True)[:MEMBERS]
    prompts = list(
        Prompt.objects.filter(pk__in=list(members))
        .annotate(answers=Count("completions"))
        .order_by("pk")
    )
    judged: dict[int, int] = defaultdict(int)
    for table in JUDGEMENTS:
        given = current(table._default_manager.filter(prompt__in=prompts)).order_by()
        for key, count in given.values_list("prompt").annotate(n=Count("pk")):
            judged[key] += count
    first = said(prompts[0].messages) if prompts else ""
    return [
        {
            "row": prompt,
            "turns": [
                {"role": turn.get("role", ""), "text": render_markdown(str(turn.get("content")))}
                for turn in prompt.messages
            ],
            "percent": round(100 * jaccard(first, said(prompt.messages))),
            "judgements": judged[prompt.pk],
        }
        for prompt in prompts
    ]
