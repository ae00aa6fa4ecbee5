from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("annotation", "0012_limits_of_a_day"),
    ]

    operations = [
        migrations.AddField(
            model_name="boardreport",
            name="counts",
            field=models.BinaryField(default=b""),
        ),
    ]
