"""What people keep about prompts: views, edits that can be undone, duplicates, use cases."""

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex, OpClass
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from annotation.models.prompts import Prompt


class SavedView(models.Model):
    """A filter and a sorting under a name: of one person, or shared with the workspace."""

    workspace = models.ForeignKey(
        "workspaces.Workspace", on_delete=models.CASCADE, related_name="saved_views"
    )
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    name = models.CharField(max_length=80)
    shared = models.BooleanField(default=False)
    filter = models.JSONField(default=dict)  # PromptFilter.as_json()
    sort = models.CharField(max_length=20, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "owner", "name"], name="a_person_has_one_view_of_a_name"
            )
        ]

    def __str__(self) -> str:
        return self.name


class PromptEdit(models.Model):
    """One change to many prompts at once; its rows say what each one was before."""

    class Kind(models.TextChoices):
        TAG = "tag", _("Tag")
        UNTAG = "untag", _("Untag")
        SPLIT = "split", _("Split")
        USE_CASE = "use_case", _("Use case")
        GUESS = "guess", _("Use case by rules")  # leaves alone what a person or file said
        RETIRE = "retire", _("Retire")
        RESTORE = "restore", _("Restore")

    workspace = models.ForeignKey(
        "workspaces.Workspace", on_delete=models.CASCADE, related_name="prompt_edits"
    )
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    kind = models.CharField(max_length=10, choices=Kind.choices)
    value = models.CharField(max_length=60, blank=True)
    filter = models.JSONField(default=dict)  # PromptFilter.as_json() of what was to be changed
    job = models.ForeignKey("jobs.Job", on_delete=models.SET_NULL, null=True, related_name="+")
    newest = models.BigIntegerField(default=0)  # ids above came later and are left alone
    changed = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True)
    undone_at = models.DateTimeField(null=True)  # asked to be undone; a job may still be at it
    undone_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(
                    kind__in=["tag", "untag", "split", "use_case", "guess", "retire", "restore"]
                ),
                name="an_edit_has_a_known_kind",
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.value}".strip()


class PromptEditRow(models.Model):
    """One prompt that an edit really changed, with what was there before and after."""

    edit = models.ForeignKey(PromptEdit, on_delete=models.CASCADE, related_name="rows")
    prompt = models.ForeignKey(Prompt, on_delete=models.CASCADE, related_name="edit_rows")
    before = models.CharField(max_length=60, blank=True)
    after = models.CharField(max_length=60, blank=True)
    undone = models.BooleanField(default=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["edit", "prompt"], name="an_edit_changes_a_prompt_once")
        ]
        indexes = [models.Index(fields=["prompt"], name="edit_row_by_prompt")]

    def __str__(self) -> str:
        return f"prompt {self.prompt_id}: {self.before!r} to {self.after!r}"


class PromptFingerprint(models.Model):
    """The MinHash of a conversation without its system message: near duplicates share keys.

    `keys` are those of annotation.domain.shingles.minhash_bands; `exact` is a hash of the words in
    lower case, so that prompts that differ in signs or white space only are equal in it.
    """

    prompt = models.OneToOneField(
        Prompt, on_delete=models.CASCADE, primary_key=True, related_name="fingerprint"
    )
    exact = models.BigIntegerField(null=True)  # null: a text without words
    keys = ArrayField(models.BigIntegerField(), default=list)

    class Meta:
        indexes = [
            GinIndex(fields=["keys"], name="fingerprint_by_key", fastupdate=False),
            models.Index(fields=["exact"], name="fingerprint_by_words"),
        ]

    def __str__(self) -> str:
        return f"fingerprint of prompt {self.prompt_id}"


class PromptWord(models.Model):
    """A word that some prompt of the workspace holds: where words spelt nearly so are found."""

    workspace = models.ForeignKey(
        "workspaces.Workspace", on_delete=models.CASCADE, related_name="+"
    )
    word = models.CharField(max_length=40)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "word"], name="a_word_is_once_in_a_workspace"
            )
        ]
        indexes = [
            GinIndex(OpClass("word", "gin_trgm_ops"), name="prompt_word_by_trigram"),
        ]

    def __str__(self) -> str:
        return self.word


class DuplicateSearch(models.Model):
    """One run over a workspace's prompts that looked for near duplicates."""

    workspace = models.ForeignKey(
        "workspaces.Workspace", on_delete=models.CASCADE, related_name="duplicate_searches"
    )
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    job = models.ForeignKey("jobs.Job", on_delete=models.SET_NULL, null=True, related_name="+")
    threshold = models.FloatField(default=0.7)  # Jaccard of word 3-grams
    prompts = models.PositiveIntegerField(default=0)  # looked at
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(threshold__gte=0.5) & Q(threshold__lte=1),
                name="near_duplicates_share_half_of_their_words",
            )
        ]

    def __str__(self) -> str:
        return f"duplicates at {self.threshold:g}"


class Settlement(models.Model):
    """One decision about many clusters at once; `clusters` are those it was to settle."""

    class Rule(models.TextChoices):
        WORK = "work", _("the one with most answers and judgements")
        OLDEST = "oldest", _("the oldest")
        LONGEST = "longest", _("the longest")

    workspace = models.ForeignKey(
        "workspaces.Workspace", on_delete=models.CASCADE, related_name="settlements"
    )
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    decision = models.CharField(max_length=10)  # a state of DuplicateCluster
    rule = models.CharField(max_length=10, choices=Rule.choices)  # which prompt stays
    only_exact = models.BooleanField(default=False)
    left = models.PositiveIntegerField(default=0)  # clusters that could not be settled; still open
    job = models.ForeignKey("jobs.Job", on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True)
    undone_at = models.DateTimeField(null=True)  # asked to be undone; a job may still be at it
    undone_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(decision__in=["kept", "retired", "merged"]),
                name="a_settlement_decides_something",
            ),
            models.CheckConstraint(
                condition=Q(rule__in=["work", "oldest", "longest"]),
                name="a_settlement_has_a_known_rule",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.decision}: {self.rule}"

    def settled(self) -> "models.QuerySet[DuplicateCluster]":
        """The clusters that stand as it decided."""
        return self.clusters.exclude(state=DuplicateCluster.State.OPEN)


class DuplicateCluster(models.Model):
    """Prompts that say nearly the same. `state` says what a person decided about them."""

    class State(models.TextChoices):
        OPEN = "open", _("Open")  # settle_cluster leaves it
        KEPT = "kept", _("All kept")  # they are different prompts; a later search leaves them out
        RETIRED = "retired", _("Others retired")  # one is kept in use
        MERGED = "merged", _("Merged")  # one is kept and has everything of the others

    search = models.ForeignKey(DuplicateSearch, on_delete=models.CASCADE, related_name="clusters")
    size = models.PositiveIntegerField()
    exact = models.BooleanField(default=False)  # all have the same words
    state = models.CharField(max_length=10, choices=State.choices, default=State.OPEN)
    kept = models.ForeignKey(Prompt, on_delete=models.SET_NULL, null=True, related_name="+")
    settled_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    settled_at = models.DateTimeField(null=True)
    settlement = models.ForeignKey(
        Settlement, on_delete=models.SET_NULL, null=True, related_name="clusters"
    )  # the decision about many that settles it; a person's own decision empties it

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=["open", "kept", "retired", "merged"]),
                name="a_cluster_has_a_known_state",
            )
        ]
        indexes = [models.Index(fields=["search", "state", "-size", "id"], name="cluster_by_size")]

    def __str__(self) -> str:
        return f"{self.size} near duplicates"


class DuplicateMember(models.Model):
    cluster = models.ForeignKey(DuplicateCluster, on_delete=models.CASCADE, related_name="members")
    prompt = models.ForeignKey(Prompt, on_delete=models.CASCADE, related_name="memberships")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["cluster", "prompt"], name="a_prompt_is_once_in_a_cluster"
            )
        ]
        indexes = [models.Index(fields=["prompt"], name="cluster_by_prompt")]

    def __str__(self) -> str:
        return f"prompt {self.prompt_id} of cluster {self.cluster_id}"


class PromptMerge(models.Model):
    """Everything of `merged` was moved to `kept`; `moved` lists it, so that it can go back."""

    cluster = models.ForeignKey(
        DuplicateCluster, on_delete=models.SET_NULL, null=True, related_name="merges"
    )
    kept = models.ForeignKey(Prompt, on_delete=models.CASCADE, related_name="merged_in")
    merged = models.ForeignKey(Prompt, on_delete=models.CASCADE, related_name="merged_away")
    moved = models.JSONField(default=dict)  # {"completion": [ids], ...}
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    undone_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=~Q(kept=models.F("merged")), name="a_prompt_is_merged_into_another"
            ),
            models.UniqueConstraint(
                fields=["merged"],
                condition=Q(undone_at__isnull=True),
                name="a_prompt_is_merged_once",
            ),
        ]

    def __str__(self) -> str:
        return f"prompt {self.merged_id} into {self.kept_id}"


class UseCase(models.Model):
    """A class of the workspace's own, or other words for one of InstructGPT's ten.

    `words`: a line for each word or phrase by which the first guess tells it.
    """

    workspace = models.ForeignKey(
        "workspaces.Workspace", on_delete=models.CASCADE, related_name="use_cases"
    )
    name = models.CharField(max_length=60)  # as Prompt.use_case has it
    words = models.TextField(blank=True)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "name"], name="a_use_case_is_once_in_a_workspace"
            )
        ]

    def __str__(self) -> str:
        return self.name
