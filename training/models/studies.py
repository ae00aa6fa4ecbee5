"""A data-budget study: the same run on nested parts of one snapshot, to see what more data brings.

What it found is computed from its runs and from people's votes; nothing of it is kept here.
"""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from annotation.models import Campaign
from training.models.generations import Batch
from training.models.runs import Method, TrainingRun
from training.models.snapshots import DatasetSnapshot
from training.models.versions import ModelVersion


class Study(models.Model):
    """`draw` seeds the order in which rows are taken, and all its runs. `answers` are those of the
    runs' models and of `base`; in `comparison` people compare each model with `base`."""

    workspace = models.ForeignKey(
        "workspaces.Workspace", on_delete=models.CASCADE, related_name="studies"
    )
    name = models.CharField(max_length=60)
    method = models.CharField(max_length=12, choices=Method.choices)
    snapshot = models.ForeignKey(DatasetSnapshot, on_delete=models.PROTECT, related_name="+")
    base = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="+")
    draw = models.PositiveBigIntegerField(default=0)
    answers = models.ForeignKey(
        Batch, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    comparison = models.ForeignKey(
        Campaign, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-pk"]
        verbose_name = _("study")  # what keeps a snapshot from being deleted, on its page
        verbose_name_plural = _("studies")
        constraints = [
            models.UniqueConstraint(fields=["workspace", "name"], name="a_study_has_its_own_name"),
            models.CheckConstraint(
                condition=Q(method__in=Method.values), name="a_study_has_a_known_method"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class StudyRun(models.Model):
    """The run on at most so many rows."""

    study = models.ForeignKey(Study, on_delete=models.CASCADE, related_name="runs")
    rows = models.PositiveBigIntegerField()
    run = models.OneToOneField(TrainingRun, on_delete=models.CASCADE, related_name="of_study")

    class Meta:
        ordering = ["rows"]
        constraints = [
            models.UniqueConstraint(fields=["study", "rows"], name="a_study_has_each_size_once"),
            models.CheckConstraint(condition=Q(rows__gte=1), name="a_size_is_one_row_or_more"),
        ]

    def __str__(self) -> str:
        return f"{self.rows} rows of study {self.study_id}"
