"""A map of prompts: where t-SNE puts their texts, and the embeddings that it was made of."""

from typing import Any

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from training.models.versions import ModelVersion


class PromptEmbedding(models.Model):
    """What one model makes of one text, once, however many maps and prompts there are of it.

    `vector`: little-endian half floats, of length 1 (or all 0, of a text without a known token).
    """

    version = models.ForeignKey(ModelVersion, on_delete=models.CASCADE, related_name="embeddings")
    text_hash = models.BinaryField(max_length=32)  # SHA-256 of Prompt.text
    vector = models.BinaryField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["version", "text_hash"], name="a_model_embeds_a_text_once"
            )
        ]

    def __str__(self) -> str:
        return f"{len(self.vector) // 2} numbers by model {self.version_id}"


class PromptMap(models.Model):
    """`sets`: [{"name", "filter": PromptFilter.as_json()} or {"name", "snapshot": id}], as asked.

    `report` is written by its job: points, prompts (of each set), left_out, perplexity (as used),
    trustworthiness, neighbours (k of the trustworthiness), divergence, embedded, seconds.
    """

    workspace = models.ForeignKey(
        "workspaces.Workspace", on_delete=models.CASCADE, related_name="prompt_maps"
    )
    name = models.CharField(max_length=80)
    version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="+")
    sets = models.JSONField()
    perplexity = models.FloatField(default=30.0)
    seed = models.PositiveIntegerField(default=0)
    most = models.PositiveIntegerField()  # prompts of each set; more are drawn by the seed
    job = models.ForeignKey(
        "jobs.Job", on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    report = models.JSONField(default=dict, blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-pk"]
        verbose_name = _("prompt map")
        verbose_name_plural = _("prompt maps")
        constraints = [
            models.UniqueConstraint(fields=["workspace", "name"], name="a_map_has_its_own_name"),
            models.CheckConstraint(
                condition=Q(perplexity__gt=1) & Q(perplexity__lte=1000),
                name="a_perplexity_lies_between_1_and_1000",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def ready(self) -> bool:
        return self.finished_at is not None

    @property
    def set_names(self) -> list[str]:
        names: list[Any] = [one["name"] for one in self.sets]
        return names


class MapPoint(models.Model):
    """One text on a map, with the prompts that have it; `counts` of them in each of the map's sets.

    Ids without a foreign key: a prompt that is gone is gone from the map when it is shown, and no
    map keeps a prompt from being deleted.
    """

    map = models.ForeignKey(PromptMap, on_delete=models.CASCADE, related_name="points")
    number = models.PositiveIntegerField()  # from 0, in the order of the page's data
    x = models.FloatField()
    y = models.FloatField()
    prompts = ArrayField(models.BigIntegerField())
    counts = ArrayField(models.PositiveIntegerField())

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["map", "number"], name="a_point_is_once_on_a_map")
        ]

    def __str__(self) -> str:
        return f"point {self.number} of map {self.map_id}"
