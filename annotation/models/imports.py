"""A file that was brought in, what was decided about it, and what became of it."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


class ImportState(models.TextChoices):
    UPLOADED = "uploaded", _("Uploaded")  # nobody looked into it; left by the dry run
    CHECKED = "checked", _("Checked")  # a dry run says what would come in; left by the import
    IMPORTED = "imported", _("Imported")  # its good rows are in; left by the undo
    KEPT_OUT = "kept_out", _("Kept out")  # the import ran and stored nothing: the report says why
    UNDONE = "undone", _("Undone")  # its rows were taken out again; stays


class Import(models.Model):
    """One file on its way in. Every row that it brought names it as `imported_in`.

    `file` and `rejects` are webapp.artifacts.Artifact as a dictionary, empty where there is none (a
    file imported by the command line stays where it lies). `plan` is what the person decided
    (annotation.imports.plan), `check` and `report` what the dry run and the import found. What is
    being done to it now is `job`.
    """

    workspace = models.ForeignKey(
        "workspaces.Workspace", on_delete=models.CASCADE, related_name="imports"
    )
    name = models.CharField(max_length=200)  # as the person's computer called the file
    size = models.BigIntegerField()  # bytes, as uploaded
    sha256 = models.CharField(max_length=64)  # of these bytes, hexadecimal
    state = models.CharField(
        max_length=10, choices=ImportState.choices, default=ImportState.UPLOADED
    )
    file = models.JSONField(default=dict)
    plan = models.JSONField(default=dict)
    check_report = models.JSONField(default=dict)
    report = models.JSONField(default=dict)
    rejects = models.JSONField(default=dict)
    format = models.CharField(max_length=60, blank=True)
    licence = models.CharField(max_length=100, blank=True)
    job = models.ForeignKey("jobs.Job", on_delete=models.SET_NULL, null=True, related_name="+")
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )  # null: the command line
    created_at = models.DateTimeField(auto_now_add=True)
    imported_at = models.DateTimeField(null=True)
    undone_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    undone_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=ImportState.values), name="an_import_has_a_known_state"
            ),
            models.CheckConstraint(
                condition=~Q(state=ImportState.IMPORTED) | Q(imported_at__isnull=False),
                name="what_is_imported_says_when",
            ),
        ]
        indexes = [
            models.Index(fields=["workspace", "-id"], name="import_newest_first"),
            models.Index(fields=["workspace", "sha256"], name="import_by_its_bytes"),
        ]

    def __str__(self) -> str:
        return self.name
