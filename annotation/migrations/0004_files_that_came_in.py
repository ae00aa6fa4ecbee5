import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("annotation", "0003_search_and_curation"),
        ("jobs", "0001_jobs_and_workers"),
        ("workspaces", "0003_invitations"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Import",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=200)),
                ("size", models.BigIntegerField()),
                ("sha256", models.CharField(max_length=64)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("uploaded", "Uploaded"),
                            ("checked", "Checked"),
                            ("imported", "Imported"),
                            ("kept_out", "Kept out"),
                            ("undone", "Undone"),
                        ],
                        default="uploaded",
                        max_length=10,
                    ),
                ),
                ("file", models.JSONField(default=dict)),
                ("plan", models.JSONField(default=dict)),
                ("check_report", models.JSONField(default=dict)),
                ("report", models.JSONField(default=dict)),
                ("rejects", models.JSONField(default=dict)),
                ("format", models.CharField(blank=True, max_length=60)),
                ("licence", models.CharField(blank=True, max_length=100)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("imported_at", models.DateTimeField(null=True)),
                ("undone_at", models.DateTimeField(null=True)),
                (
                    "created_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "job",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="jobs.job",
                    ),
                ),
                (
                    "undone_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "workspace",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="imports",
                        to="workspaces.workspace",
                    ),
                ),
            ],
            options={
                "ordering": ["-pk"],
            },
        ),
        migrations.AddField(
            model_name="comparison",
            name="imported_in",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="%(class)ss",
                to="annotation.import",
            ),
        ),
        migrations.AddField(
            model_name="completion",
            name="imported_in",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="completions",
                to="annotation.import",
            ),
        ),
        migrations.AddField(
            model_name="demonstration",
            name="imported_in",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="%(class)ss",
                to="annotation.import",
            ),
        ),
        migrations.AddField(
            model_name="prompt",
            name="imported_in",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="prompts",
                to="annotation.import",
            ),
        ),
        migrations.AddField(
            model_name="ranking",
            name="imported_in",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="%(class)ss",
                to="annotation.import",
            ),
        ),
        migrations.AddField(
            model_name="rating",
            name="imported_in",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="%(class)ss",
                to="annotation.import",
            ),
        ),
        migrations.AddIndex(
            model_name="comparison",
            index=models.Index(
                condition=models.Q(("imported_in__isnull", False)),
                fields=["imported_in"],
                name="comparison_by_import",
            ),
        ),
        migrations.AddIndex(
            model_name="completion",
            index=models.Index(
                condition=models.Q(("imported_in__isnull", False)),
                fields=["imported_in"],
                name="completion_by_import",
            ),
        ),
        migrations.AddIndex(
            model_name="demonstration",
            index=models.Index(
                condition=models.Q(("imported_in__isnull", False)),
                fields=["imported_in"],
                name="demonstration_by_import",
            ),
        ),
        migrations.AddIndex(
            model_name="prompt",
            index=models.Index(
                condition=models.Q(("imported_in__isnull", False)),
                fields=["imported_in"],
                name="prompt_by_import",
            ),
        ),
        migrations.AddIndex(
            model_name="ranking",
            index=models.Index(
                condition=models.Q(("imported_in__isnull", False)),
                fields=["imported_in"],
                name="ranking_by_import",
            ),
        ),
        migrations.AddIndex(
            model_name="rating",
            index=models.Index(
                condition=models.Q(("imported_in__isnull", False)),
                fields=["imported_in"],
                name="rating_by_import",
            ),
        ),
        migrations.AddIndex(
            model_name="import",
            index=models.Index(fields=["workspace", "-id"], name="import_newest_first"),
        ),
        migrations.AddIndex(
            model_name="import",
            index=models.Index(fields=["workspace", "sha256"], name="import_by_its_bytes"),
        ),
        migrations.AddConstraint(
            model_name="import",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("state__in", ["uploaded", "checked", "imported", "kept_out", "undone"])
                ),
                name="an_import_has_a_known_state",
            ),
        ),
        migrations.AddConstraint(
            model_name="import",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("state", "imported"), _negated=True),
                    ("imported_at__isnull", False),
                    _connector="OR",
                ),
                name="what_is_imported_says_when",
            ),
        ),
    ]
