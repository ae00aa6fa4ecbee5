"""What was done, by whom, to what: rows that are added and never changed (a trigger holds that)."""

from django.conf import settings
from django.db import models


class AuditEntry(models.Model):
    at = models.DateTimeField(auto_now_add=True, db_index=True)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,  # null: the system itself (a reconciler, the command line)
        related_name="+",
    )
    action = models.CharField(max_length=60)  # "workspace.create", "membership.change" ...
    workspace = models.ForeignKey(
        "workspaces.Workspace",
        on_delete=models.DO_NOTHING,
        null=True,
        related_name="+",
        db_constraint=False,  # the entry outlives the workspace it speaks of
        db_index=False,  # see audit_by_workspace
    )
    target = models.CharField(max_length=200)  # "user 12", "job 7": kind and id
    changes = models.JSONField(default=dict)  # {"role": ["annotator", "manager"]}: never a secret
    ip = models.GenericIPAddressField(null=True)
    request_id = models.CharField(max_length=36, blank=True)

    class Meta:
        ordering = ["-pk"]
        indexes = [models.Index(fields=["workspace", "-id"], name="audit_by_workspace")]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M} {self.actor or 'system'} {self.action} {self.target}"

    @property
    def listed_changes(self) -> list[tuple[str, object, object]]:
        """(field, before, after); not `changes.items` in a template: a field may be "items"."""
        return [
            (field, each[0], each[1])
            if isinstance(each, list) and len(each) == 2
            else (field, None, each)
            for field, each in sorted(self.changes.items())
        ]
