from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("annotation", "0009_own_prompts_and_few_shot_examples"),
        ("workspaces", "0003_invitations"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddIndex(
            model_name="prompt",
            index=models.Index(
                condition=models.Q(("flags__contains", ["text_missing"])),
                fields=["workspace", "source", "source_id"],
                name="prompt_without_text",
            ),
        ),
    ]
