"""Indexes whose columns another index of the table begins with: written all day, never asked."""

from django.conf import settings
from django.db import migrations, models
from django.db.models.deletion import CASCADE, PROTECT


class Migration(migrations.Migration):
    dependencies = [
        ("annotation", "0021_a_second_reading"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RemoveIndex(model_name="comparison", name="comparison_by_prompt"),
        migrations.RemoveIndex(model_name="demonstration", name="demonstration_by_prompt"),
        migrations.RemoveIndex(model_name="ranking", name="ranking_by_prompt"),
        migrations.AlterField(
            model_name="assignment",
            name="annotator",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=PROTECT,
                related_name="assignments",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AlterField(
            model_name="assignment",
            name="repeat_of",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=CASCADE,
                related_name="repeats",
                to="annotation.assignment",
            ),
        ),
    ]
