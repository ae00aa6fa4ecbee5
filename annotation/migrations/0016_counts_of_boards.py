from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("annotation", "0015_settlements"),
    ]

    operations = [
        migrations.AddField(
            model_name="boardreport",
            name="counts",
            field=models.BinaryField(default=b""),
        ),
    ]
