"""What people (and judges) said: rows that are added and never changed.

A correction is a new row that `supersedes` the old one; a withdrawal sets `withdrawn_at`. What
counts is neither superseded, withdrawn nor excluded, and no answer to a check question:
annotation.queries.current() says so in one place.
"""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from annotation.domain import preferences, rating_scales
from annotation.domain.outcomes import Outcome
from annotation.models.prompts import Completion, Prompt


class Source(models.TextChoices):
    HUMAN = "human", _("Human")  # a person, here or in the place it was imported from
    JUDGE = "judge", _("Judge")  # a model that was asked to judge; never pooled with people
    SIMULATED = "simulated", _("Simulated")  # a rule standing in for a person; shown as such


def by_import(table: str) -> models.Index:
    """Finds what a file brought; judgements made here take no room in it."""
    condition = Q(imported_in__isnull=False)
    return models.Index(fields=["imported_in"], name=f"{table}_by_import", condition=condition)


class Judgement(models.Model):
    """What every demonstration, comparison and ranking carries."""

    prompt = models.ForeignKey(Prompt, on_delete=models.CASCADE, related_name="%(class)ss")
    source = models.CharField(max_length=10, choices=Source.choices, default=Source.HUMAN)
    annotator = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="%(class)ss"
    )
    annotator_label = models.CharField(max_length=200, blank=True)  # as an import or judge names it
    assignment = models.ForeignKey(
        "annotation.Assignment", on_delete=models.PROTECT, null=True, related_name="%(class)ss"
    )
    supersedes = models.OneToOneField(
        "self", on_delete=models.PROTECT, null=True, related_name="superseded_by"
    )
    idempotency_key = models.UUIDField(default=uuid.uuid4, unique=True)
    comment = models.TextField(blank=True)
    seconds = models.FloatField(null=True)  # time at work, idle time left out
    group = models.CharField(max_length=200, blank=True)  # judgements that were given together
    source_id = models.CharField(max_length=200, blank=True)
    metadata = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    withdrawn_at = models.DateTimeField(null=True, blank=True)
    imported_in = models.ForeignKey(
        "annotation.Import",
        on_delete=models.PROTECT,
        null=True,
        db_index=False,  # see by_import
        related_name="%(class)ss",
    )
    excluded_at = models.DateTimeField(null=True, blank=True)  # actions.count_again says why
    is_check = models.BooleanField(default=False, db_default=False)  # measures the person only

    class Meta:
        abstract = True


class Demonstration(Judgement):
    """An answer written as an example to learn from."""

    text = models.TextField()
    rewritten_from = models.ForeignKey(
        Completion, on_delete=models.PROTECT, null=True, related_name="rewrites"
    )

    class Meta:
        indexes = [
            by_import("demonstration"),
        ]

    def __str__(self) -> str:
        return self.text[:80]


class Choice(models.TextChoices):
    """The four outcomes of annotation.domain.battles, with the words that screens use."""

    LEFT = Outcome.LEFT.value, _("Left is better")
    RIGHT = Outcome.RIGHT.value, _("Right is better")
    TIE = Outcome.TIE.value, _("Tie")  # equally good
    BOTH_BAD = Outcome.BOTH_BAD.value, _("Both bad")  # not a tie: neither may be learned from


class Strength(models.TextChoices):
    """How much better the chosen answer is: the four steps of Llama-2 (arXiv:2307.09288)."""

    SIGNIFICANTLY = preferences.Strength.SIGNIFICANTLY.value, _("Significantly better")
    BETTER = preferences.Strength.BETTER.value, _("Better")
    SLIGHTLY = preferences.Strength.SLIGHTLY.value, _("Slightly better")
    NEGLIGIBLY = preferences.Strength.NEGLIGIBLY.value, _("Negligibly better or unsure")


class Comparison(Judgement):
    """Two answers as they were shown, and the choice between them.

    `pair_probability` is the probability with which this pair was selected, where a strategy chose
    it: boards reweight by it. Without `order_known` left and right say nothing about the screen.
    """

    left = models.ForeignKey(Completion, on_delete=models.PROTECT, related_name="+")
    right = models.ForeignKey(Completion, on_delete=models.PROTECT, related_name="+")
    choice = models.CharField(max_length=10, choices=Choice.choices)
    strength = models.CharField(max_length=24, choices=Strength.choices, blank=True)
    order_known = models.BooleanField(default=True)
    right_share = models.FloatField(null=True)  # a judge's probability that the right one is better
    pair_probability = models.FloatField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=~Q(left=F("right")), name="a_comparison_has_two_answers"
            ),
            models.CheckConstraint(
                condition=Q(choice__in=Choice.values), name="a_comparison_has_a_known_choice"
            ),
            models.CheckConstraint(
                condition=Q(strength="")
                | (Q(strength__in=Strength.values) & Q(choice__in=[Choice.LEFT, Choice.RIGHT])),
                name="only_a_preference_has_a_strength",
            ),
        ]
        indexes = [
            by_import("comparison"),
            models.Index(
                fields=["id"],
                condition=Q(withdrawn_at__isnull=False),
                name="comparison_withdrawn",
            ),
        ]

    def __str__(self) -> str:
        return self.get_choice_display()


class Ranking(Judgement):
    """Two to nine answers in tiers; its entries say where each one stood and was shown.

    `partial`: only the best and the worst were named. The answers of the middle tier were not
    compared with one another: between them there is neither an order nor a tie.
    """

    partial = models.BooleanField(default=False, db_default=False)

    class Meta:
        indexes = [
            by_import("ranking"),
            models.Index(
                fields=["id"], condition=Q(withdrawn_at__isnull=False), name="ranking_withdrawn"
            ),
        ]

    def __str__(self) -> str:
        return f"ranking {self.pk}"


class RankingEntry(models.Model):
    """One answer's place: tier 1 is best, an equal tier is a tie unless the ranking is partial, no
    tier means not rankable."""

    ranking = models.ForeignKey(Ranking, on_delete=models.CASCADE, related_name="entries")
    completion = models.ForeignKey(Completion, on_delete=models.PROTECT, related_name="+")
    tier = models.PositiveSmallIntegerField(null=True)
    position = models.PositiveSmallIntegerField()  # where it was shown, 1 first

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["ranking", "completion"], name="an_answer_is_ranked_once"
            ),
            models.CheckConstraint(
                condition=Q(tier__isnull=True) | Q(tier__gte=1), name="the_best_tier_is_one"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.completion_id}: {self.tier or 'not rankable'}"


class Rating(Judgement):
    """One score of one answer for one aspect, on the closed scale lowest to highest."""

    completion = models.ForeignKey(Completion, on_delete=models.PROTECT, related_name="ratings")
    aspect = models.CharField(max_length=60)
    score = models.FloatField()
    lowest = models.FloatField()
    highest = models.FloatField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(score__gte=F("lowest")) & Q(score__lte=F("highest")),
                name="a_score_is_on_its_scale",
            )
        ]
        indexes = [
            models.Index(fields=["completion", "aspect"], name="rating_by_completion"),
            by_import("rating"),
        ]

    def __str__(self) -> str:
        return f"{self.aspect} {self.score:g}"


class Marking(Judgement):
    """A part of an answer and what is said about it, from character `start` up to `end`.

    Positions count code points of annotation.domain.rating_scales.plain(completion.text).
    """

    completion = models.ForeignKey(Completion, on_delete=models.PROTECT, related_name="markings")
    start = models.PositiveIntegerField()
    end = models.PositiveIntegerField()
    label = models.CharField(max_length=30)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(start__lt=F("end")), name="a_marked_part_is_not_empty"
            ),
            models.CheckConstraint(
                condition=Q(label__in=sorted(rating_scales.LABELS)),
                name="a_marked_part_has_a_known_label",
            ),
        ]
        indexes = [
            models.Index(fields=["completion", "label"], name="marking_by_completion"),
            by_import("marking"),
        ]

    def __str__(self) -> str:
        return f"{self.label} {self.start}-{self.end}"
