"""Indexes that an import can use in a workspace of which PostgreSQL has no statistics yet.

The unique index is built anew (a minute for ten million prompts); meanwhile nobody writes prompts.
Two indexes go that only repeated the beginning of another.
"""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("annotation", "0018_a_queue_that_stays_short"),
        ("workspaces", "0003_invitations"),
    ]

    operations = [
        migrations.RemoveConstraint(model_name="prompt", name="a_prompt_is_once_in_a_workspace"),
        migrations.AddConstraint(
            model_name="prompt",
            constraint=models.UniqueConstraint(
                fields=("text_hash", "workspace"), name="a_prompt_is_once_in_a_workspace"
            ),
        ),
        migrations.RemoveIndex(model_name="prompt", name="prompt_without_text"),
        migrations.AddIndex(
            model_name="prompt",
            index=models.Index(
                condition=models.Q(("flags__contains", ["text_missing"])),
                fields=["source_id", "source", "id"],
                name="prompt_without_text",
            ),
        ),
        migrations.AddIndex(
            model_name="prompt",
            index=models.Index(
                condition=models.Q(("source_id", ""), _negated=True),
                fields=["source_id", "source", "id"],
                name="prompt_by_name",
            ),
        ),
        migrations.AlterField(
            model_name="prompt",
            name="workspace",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="prompts",
                to="workspaces.workspace",
            ),
        ),
        migrations.AlterField(
            model_name="completion",
            name="prompt",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="completions",
                to="annotation.prompt",
            ),
        ),
    ]
