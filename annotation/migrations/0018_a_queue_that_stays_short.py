"""An index of the open slots that only the queue's own order can use.

Building it reads every slot once; meanwhile nobody claims (a short lock on the table).
"""

from django.db import migrations, models
from django.db.models import F, Q


class Migration(migrations.Migration):
    dependencies = [("annotation", "0017_boards_stop_campaigns")]

    operations = [
        migrations.RemoveIndex(model_name="assignment", name="assignment_open"),
        migrations.AddIndex(
            model_name="assignment",
            index=models.Index(
                F("campaign"),
                F("id") + 0,
                condition=Q(state="open"),
                name="assignment_queue",
            ),
        ),
    ]
