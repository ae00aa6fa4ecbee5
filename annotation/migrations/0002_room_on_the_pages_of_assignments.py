from django.db import migrations


class Migration(migrations.Migration):
    """Claims and submits rewrite assignments all day: room on the page keeps the updates in place."""

    dependencies = [("annotation", "0001_prompts_judgements_and_campaigns")]

    operations = [
        migrations.RunSQL(
            "ALTER TABLE annotation_assignment SET (fillfactor = 70)",
            "ALTER TABLE annotation_assignment RESET (fillfactor)",
        )
    ]
