from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("workspaces", "0003_invitations")]

    operations = [
        migrations.AddField(
            model_name="workspace",
            name="deleted_at",
            field=models.DateTimeField(blank=True, null=True),
        )
    ]
