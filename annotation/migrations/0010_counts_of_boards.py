from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("annotation", "0009_own_prompts_and_few_shot_examples"),
    ]

    operations = [
        migrations.AddField(
            model_name="boardreport",
            name="counts",
            field=models.BinaryField(default=b""),
        ),
    ]
