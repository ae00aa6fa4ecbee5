from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("annotation", "0011_conversations"),
    ]

    operations = [
        migrations.AddField(
            model_name="boardreport",
            name="counts",
            field=models.BinaryField(default=b""),
        ),
    ]
