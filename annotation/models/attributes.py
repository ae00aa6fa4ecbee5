"""What a workspace asks about an answer in words of its own: helpful, honest, polite ..."""

from django.db import models
from django.db.models import F, Q


class Attribute(models.Model):
    """A scale with a rubric. Its name is the aspect of the ratings that it gives.

    `rubric`: a line for each value, the lowest first. A retired one is kept, because ratings name
    it, and offered to no new campaign.
    """

    workspace = models.ForeignKey(
        "workspaces.Workspace", on_delete=models.CASCADE, related_name="attributes"
    )
    name = models.CharField(max_length=50)
    question = models.CharField(max_length=200)
    lowest = models.SmallIntegerField(default=1)
    highest = models.SmallIntegerField(default=5)
    rubric = models.TextField(blank=True)
    retired_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "name"], name="an_attribute_has_its_own_name"
            ),
            models.CheckConstraint(
                condition=Q(highest__gt=F("lowest")) & Q(highest__lte=F("lowest") + 9),
                name="a_scale_has_two_to_ten_values",
            ),
        ]

    def __str__(self) -> str:
        return self.name
