from django.db import migrations, models
from django.db.models.deletion import CASCADE


class Migration(migrations.Migration):
    dependencies = [
        ("annotation", "0019_prompts_looked_up_by_hash_and_name"),
        ("workspaces", "0003_invitations"),
    ]

    operations = [
        migrations.CreateModel(
            name="ChangedVotes",
            fields=[
                (
                    "workspace",
                    models.OneToOneField(
                        on_delete=CASCADE,
                        primary_key=True,
                        related_name="+",
                        serialize=False,
                        to="workspaces.workspace",
                    ),
                ),
                ("transaction", models.BigIntegerField()),
            ],
        ),
    ]
