"""What is to be answered, and the answers to it."""

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import BrinIndex, GinIndex
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Length
from django.utils.translation import gettext_lazy as _


class Split(models.TextChoices):
    TRAIN = "train", _("Train")  # may enter training snapshots
    VALIDATION = "validation", _("Validation")  # measures a training run; never trained on
    HELD_OUT = "held_out", _("Held out")  # boards and final tests; kept out of every snapshot


class Prompt(models.Model):
    """Messages up to and including the last one before the answer; once per workspace.

    `messages` is a list of {role, content}; `text` is what a person reads and searches (the last
    user turn); `text_hash` is the SHA-256 of the canonical messages. The table has one more column,
    `search`, which the database makes of `text`: see annotation.prompt_search.
    """

    workspace = models.ForeignKey(
        "workspaces.Workspace",
        on_delete=models.CASCADE,
        db_index=False,  # several below begin with it
        related_name="prompts",
    )
    messages = models.JSONField()
    text = models.TextField()
    text_hash = models.BinaryField(max_length=32)
    split = models.CharField(max_length=10, choices=Split.choices, default=Split.TRAIN)
    language = models.CharField(max_length=35, blank=True)  # BCP 47
    use_case = models.CharField(max_length=60, blank=True)
    tags = ArrayField(models.CharField(max_length=60), default=list, blank=True)
    flags = ArrayField(models.CharField(max_length=60), default=list, blank=True)
    source = models.CharField(max_length=200, blank=True)
    source_id = models.CharField(max_length=200, blank=True)
    licence = models.CharField(max_length=100, blank=True)
    metadata = models.JSONField(default=dict, blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    retired_at = models.DateTimeField(null=True, blank=True)  # kept, but in no new work
    imported_in = models.ForeignKey(
        "annotation.Import",
        on_delete=models.PROTECT,
        null=True,
        db_index=False,  # a partial one below: rows made here need none
        related_name="prompts",
    )

    class Meta:
        constraints = [
            # The hash first: in a workspace that PostgreSQL's statistics do not know yet the
            # planner expects no rows, and would look a text up by reading all of its prompts.
            models.UniqueConstraint(
                fields=["text_hash", "workspace"], name="a_prompt_is_once_in_a_workspace"
            ),
            models.CheckConstraint(
                condition=Q(split__in=Split.values), name="a_prompt_has_a_known_split"
            ),
        ]
        indexes = [
            models.Index(fields=["workspace", "-id"], name="prompt_newest_first"),
            GinIndex(fields=["tags"], name="prompt_by_tag"),
            GinIndex(fields=["flags"], name="prompt_by_flag"),
            # One each for the filters of the browser, newest first, and for sorting by length.
            models.Index(fields=["workspace", "source", "-id"], name="prompt_by_source"),
            models.Index(fields=["workspace", "use_case", "-id"], name="prompt_by_use_case"),
            models.Index(fields=["workspace", "language", "-id"], name="prompt_by_language"),
            models.Index(fields=["workspace", "split", "-id"], name="prompt_by_split"),
            models.Index(F("workspace"), Length("text"), F("id"), name="prompt_by_length"),
            models.Index(
                fields=["workspace", "-id"],
                name="prompt_retired",
                condition=Q(retired_at__isnull=False),
            ),
            models.Index(
                fields=["workspace", "licence", "-id"],
                name="prompt_by_licence",
                condition=~Q(licence=""),
            ),
            # A page of it for a hundred of the table: rows come in the order of their time.
            BrinIndex(fields=["created_at"], name="prompt_by_time", autosummarize=True),
            models.Index(
                fields=["imported_in"],
                name="prompt_by_import",
                condition=Q(imported_in__isnull=False),
            ),
            # What waits for a file with its text; an import asks for it with every batch.
            models.Index(
                fields=["source_id", "source", "id"],
                name="prompt_without_text",
                condition=Q(flags__contains=["text_missing"]),
            ),
            # What an answer or a judgement that came without its prompt may name.
            models.Index(
                fields=["source_id", "source", "id"],
                name="prompt_by_name",
                condition=~Q(source_id=""),
            ),
        ]

    def __str__(self) -> str:
        return self.text[:80]


class Completion(models.Model):
    """One text answering a prompt; `generator` names the model or person that wrote it.

    `settings` holds what the text was generated with (temperature, seed ...). Without `has_text`
    an imported judgement named the answer but its file did not hold it.
    """

    prompt = models.ForeignKey(
        Prompt,
        on_delete=models.CASCADE,
        db_index=False,  # the constraint's begins with it
        related_name="completions",
    )
    text = models.TextField(blank=True)
    has_text = models.BooleanField(default=True)
    text_hash = models.BinaryField(max_length=32)
    generator = models.CharField(max_length=200, blank=True)
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )  # the person, where a member wrote it: nobody judges an own text
    settings = models.JSONField(default=dict, blank=True)
    flags = ArrayField(models.CharField(max_length=60), default=list, blank=True)
    source_id = models.CharField(max_length=200, blank=True)
    metadata = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    retired_at = models.DateTimeField(null=True, blank=True)
    imported_in = models.ForeignKey(
        "annotation.Import",
        on_delete=models.PROTECT,
        null=True,
        db_index=False,  # a partial one below: rows made here need none
        related_name="completions",
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["prompt", "generator", "text_hash", "source_id"],
                name="an_answer_is_once_under_a_prompt",
            )
        ]
        indexes = [
            models.Index(
                fields=["imported_in"],
                name="completion_by_import",
                condition=Q(imported_in__isnull=False),
            )
        ]

    def __str__(self) -> str:
        return self.text[:80]
