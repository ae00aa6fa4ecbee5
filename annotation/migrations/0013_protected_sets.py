from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("annotation", "0012_limits_of_a_day"),
    ]

    operations = [
        migrations.AddField(
            model_name="board",
            name="protects",
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.AddField(
            model_name="campaign",
            name="protects",
            field=models.BooleanField(db_default=False, default=False),
        ),
    ]
