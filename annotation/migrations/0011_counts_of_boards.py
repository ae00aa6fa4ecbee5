from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("annotation", "0010_prompts_without_text"),
    ]

    operations = [
        migrations.AddField(
            model_name="boardreport",
            name="counts",
            field=models.BinaryField(default=b""),
        ),
    ]
