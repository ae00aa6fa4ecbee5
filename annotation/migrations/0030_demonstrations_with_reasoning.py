from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("annotation", "0029_crowd_links")]

    operations = [
        migrations.AddField(
            model_name="campaign",
            name="rationales",
            field=models.BooleanField(db_default=False, default=False),
        ),
    ]
