import django.db.models.deletion
from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    dependencies = [("training", "0013_scores_of_reward_models")]

    operations = [
        migrations.CreateModel(
            name="TextScore",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("key", models.BigIntegerField()),
                ("value", models.FloatField(null=True)),
                (
                    "reward",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="training.modelversion",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("reward", "key"), name="a_text_has_one_score_of_a_reward_model"
                    )
                ]
            },
        ),
        migrations.AddField(
            model_name="datasetsnapshot",
            name="screen",
            field=models.JSONField(blank=True, default=dict),
        ),
        migrations.AddField(
            model_name="datasetsnapshot",
            name="screened_by",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="screened",
                to="training.modelversion",
            ),
        ),
        migrations.AddConstraint(
            model_name="datasetsnapshot",
            constraint=models.CheckConstraint(
                condition=Q(screen={}, screened_by__isnull=True)
                | (~Q(screen={}) & Q(screened_by__isnull=False)),
                name="a_screened_snapshot_names_its_reward_model",
            ),
        ),
    ]
