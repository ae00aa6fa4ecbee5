import django.contrib.postgres.indexes
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("annotation", "0013_protected_sets"),
        ("workspaces", "0003_invitations"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddIndex(
            model_name="prompt",
            index=models.Index(
                condition=models.Q(("retired_at__isnull", False)),
                fields=["workspace", "-id"],
                name="prompt_retired",
            ),
        ),
        migrations.AddIndex(
            model_name="prompt",
            index=models.Index(
                condition=models.Q(("licence", ""), _negated=True),
                fields=["workspace", "licence", "-id"],
                name="prompt_by_licence",
            ),
        ),
        migrations.AddIndex(
            model_name="prompt",
            index=django.contrib.postgres.indexes.BrinIndex(
                autosummarize=True, fields=["created_at"], name="prompt_by_time"
            ),
        ),
    ]
