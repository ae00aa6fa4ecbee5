"""A board is a question asked of the votes again and again; its figures are computed, never kept.

What is kept: the newest report (so that a page costs one row, and always says of which votes it
is) and frozen snapshots (files with fingerprints, which recompute to the same digits).
"""

from django.conf import settings
from django.db import models
from django.db.models import Q

from annotation.models.campaigns import Campaign, Item


class Board(models.Model):
    """`filter` is a JudgementFilter, `definition` an annotation.boards.definition.Definition."""

    workspace = models.ForeignKey(
        "workspaces.Workspace", on_delete=models.CASCADE, related_name="boards"
    )
    name = models.CharField(max_length=100)
    description = models.CharField(max_length=500, blank=True)  # whose strength at what: in words
    filter = models.JSONField(default=dict, blank=True)
    definition = models.JSONField(default=dict, blank=True)
    version = models.PositiveIntegerField(default=1)  # grows with each change: old figures are old
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    # The public link: its secret is a keyed hash of this nonce; empty means that there is none.
    public_nonce = models.CharField(max_length=64, blank=True)
    public_people = models.BooleanField(default=False)  # whether it shows names of annotators
    public_texts = models.BooleanField(default=False)  # whether it leads to prompts and answers
    # Whether the prompts of its votes are kept out of training: annotation.protected_sets.
    protects = models.BooleanField(default=False, db_default=False)

    class Meta:
        ordering = ["name", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["workspace", "name"], name="a_board_has_its_own_name")
        ]

    def __str__(self) -> str:
        return self.name


class BoardReport(models.Model):
    """The newest figures of a board, and how far the votes were read for them."""

    board = models.OneToOneField(Board, on_delete=models.CASCADE, related_name="report")
    version = models.PositiveIntegerField()  # of the board whose figures these are
    votes_file = models.JSONField()  # webapp.artifacts.Artifact.as_dict() of boards.votes
    mark = models.JSONField()  # annotation.boards.read_votes.Mark
    fingerprint = models.CharField(max_length=64)  # of the votes
    votes = models.BigIntegerField()
    content = models.JSONField()
    counts = models.BinaryField(default=b"")  # annotation.boards.counts.KeptCounts; empty: none
    seconds = models.FloatField()  # what reading and computing took
    counted_at = models.DateTimeField()  # when all votes were last read anew
    computed_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"figures of board {self.board_id}"


class ChangedVotes(models.Model):
    """The last transaction that took votes out, or put them back, without a trace on newer rows.

    An exclusion, its end, an undone import: no id and no mark tells them. A board whose votes were
    read before it reads them all anew (annotation.boards.marks).
    """

    workspace = models.OneToOneField(
        "workspaces.Workspace", on_delete=models.CASCADE, primary_key=True, related_name="+"
    )
    transaction = models.BigIntegerField()  # pg_current_xact_id()

    def __str__(self) -> str:
        return f"votes of workspace {self.workspace_id} changed in {self.transaction}"


class BoardSnapshot(models.Model):
    """A board as it was: votes, definition and figures, in a file that is never written again."""

    board = models.ForeignKey(Board, on_delete=models.CASCADE, related_name="snapshots")
    name = models.CharField(max_length=100)  # "Round 3, before"
    filter_in_words = models.TextField(blank=True)
    definition = models.JSONField()
    votes_file = models.JSONField()
    fingerprint = models.CharField(max_length=64)
    votes = models.BigIntegerField()
    content = models.JSONField()
    content_sha256 = models.CharField(max_length=64)  # of the figures as canonical JSON
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["board", "name"], name="a_snapshot_of_a_board_has_its_own_name"
            )
        ]

    def __str__(self) -> str:
        return self.name


class PairPlan(models.Model):
    """How a campaign chooses which models meet: drawn in batches, each from the votes so far."""

    campaign = models.OneToOneField(Campaign, on_delete=models.CASCADE, related_name="pair_plan")
    board = models.ForeignKey(
        Board, on_delete=models.SET_NULL, null=True, blank=True, related_name="pair_plans"
    )  # whose votes say what is known already, beside the campaign's own
    strategy = models.CharField(max_length=20)  # annotation.domain.pair_selection.Strategy
    uniform_share = models.FloatField(default=0.1)
    newcomer = models.CharField(max_length=200, blank=True)  # the model that `near` places
    batch = models.PositiveIntegerField(default=50)  # items laid out at a time
    most = models.PositiveIntegerField()  # items in all
    laid_out = models.PositiveIntegerField(default=0)
    seed = models.PositiveIntegerField(default=0)
    prompts = models.JSONField(default=list)  # ids of the prompts to draw from

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(uniform_share__gte=0) & Q(uniform_share__lte=1),
                name="a_uniform_share_is_a_share",
            ),
            models.CheckConstraint(
                condition=Q(laid_out__lte=models.F("most")),
                name="no_more_pairs_than_planned",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.strategy} pairs of {self.campaign_id}"


class PairDraw(models.Model):
    """With what probability each pair of an item's models was shown: ranking votes weigh by it.

    A comparison's one probability also stands in Item.pair_probability.
    """

    item = models.OneToOneField(Item, on_delete=models.CASCADE, related_name="pair_draw")
    strategy = models.CharField(max_length=20)
    batch = models.PositiveIntegerField()
    probabilities = models.JSONField()  # annotation.boards.read_votes.pair_key -> probability

    def __str__(self) -> str:
        return f"{self.strategy} draw of item {self.item_id}"
