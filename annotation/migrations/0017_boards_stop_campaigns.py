import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("annotation", "0016_counts_of_boards"),
    ]

    operations = [
        migrations.AddField(
            model_name="campaign",
            name="paused_because",
            field=models.CharField(blank=True, db_default="", max_length=300),
        ),
        migrations.AddField(
            model_name="campaign",
            name="stops_with",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="stops",
                to="annotation.board",
            ),
        ),
    ]
