"""audit_by_workspace begins with the workspace too."""

from django.db import migrations, models
from django.db.models.deletion import DO_NOTHING


class Migration(migrations.Migration):
    dependencies = [
        ("audit", "0002_entries_are_only_added"),
        ("workspaces", "0004_a_workspace_can_be_deleted"),
    ]

    operations = [
        migrations.AlterField(
            model_name="auditentry",
            name="workspace",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=DO_NOTHING,
                related_name="+",
                to="workspaces.workspace",
            ),
        ),
    ]
