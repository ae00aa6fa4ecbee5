import django.contrib.postgres.fields
import django.contrib.postgres.indexes
import django.db.models.deletion
import django.db.models.functions.text
from django.conf import settings
from django.contrib.postgres.operations import TrigramExtension
from django.db import migrations, models

# Of the first 20,000 characters: a tsvector may not be larger than a megabyte.
ADD_SEARCH = """
ALTER TABLE annotation_prompt ADD COLUMN search tsvector
    GENERATED ALWAYS AS (to_tsvector('simple'::regconfig, left(text, 20000))) STORED;
CREATE INDEX prompt_by_word ON annotation_prompt USING gin (search);
"""
DROP_SEARCH = "ALTER TABLE annotation_prompt DROP COLUMN search"


class Migration(migrations.Migration):
    dependencies = [
        ("annotation", "0002_room_on_the_pages_of_assignments"),
        ("jobs", "0001_jobs_and_workers"),
        ("workspaces", "0003_invitations"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        TrigramExtension(),
        migrations.RunSQL(ADD_SEARCH, DROP_SEARCH),
        migrations.CreateModel(
            name="DuplicateCluster",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("size", models.PositiveIntegerField()),
                ("exact", models.BooleanField(default=False)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("open", "Open"),
                            ("kept", "All kept"),
                            ("retired", "Others retired"),
                            ("merged", "Merged"),
                        ],
                        default="open",
                        max_length=10,
                    ),
                ),
                ("settled_at", models.DateTimeField(null=True)),
            ],
        ),
        migrations.CreateModel(
            name="DuplicateMember",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="DuplicateSearch",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("threshold", models.FloatField(default=0.7)),
                ("prompts", models.PositiveIntegerField(default=0)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("finished_at", models.DateTimeField(null=True)),
            ],
            options={
                "ordering": ["-pk"],
            },
        ),
        migrations.CreateModel(
            name="PromptEdit",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("tag", "Tag"),
                            ("untag", "Untag"),
                            ("split", "Split"),
                            ("use_case", "Use case"),
                            ("guess", "Use case by rules"),
                            ("retire", "Retire"),
                            ("restore", "Restore"),
                        ],
                        max_length=10,
                    ),
                ),
                ("value", models.CharField(blank=True, max_length=60)),
                ("filter", models.JSONField(default=dict)),
                ("newest", models.BigIntegerField(default=0)),
                ("changed", models.PositiveIntegerField(default=0)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("finished_at", models.DateTimeField(null=True)),
                ("undone_at", models.DateTimeField(null=True)),
            ],
            options={
                "ordering": ["-pk"],
            },
        ),
        migrations.CreateModel(
            name="PromptEditRow",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("before", models.CharField(blank=True, max_length=60)),
                ("after", models.CharField(blank=True, max_length=60)),
                ("undone", models.BooleanField(default=False)),
            ],
        ),
        migrations.CreateModel(
            name="PromptFingerprint",
            fields=[
                (
                    "prompt",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="fingerprint",
                        serialize=False,
                        to="annotation.prompt",
                    ),
                ),
                ("exact", models.BigIntegerField(null=True)),
                (
                    "keys",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.BigIntegerField(), default=list, size=None
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="PromptMerge",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("moved", models.JSONField(default=dict)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("undone_at", models.DateTimeField(null=True)),
            ],
        ),
        migrations.CreateModel(
            name="PromptWord",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("word", models.CharField(max_length=40)),
            ],
        ),
        migrations.CreateModel(
            name="SavedView",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=80)),
                ("shared", models.BooleanField(default=False)),
                ("filter", models.JSONField(default=dict)),
                ("sort", models.CharField(blank=True, max_length=20)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
            ],
            options={
                "ordering": ["name", "pk"],
            },
        ),
        migrations.CreateModel(
            name="UseCase",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=60)),
                ("words", models.TextField(blank=True)),
            ],
            options={
                "ordering": ["name"],
            },
        ),
        migrations.AddIndex(
            model_name="prompt",
            index=django.contrib.postgres.indexes.GinIndex(fields=["flags"], name="prompt_by_flag"),
        ),
        migrations.AddIndex(
            model_name="prompt",
            index=models.Index(fields=["workspace", "source", "-id"], name="prompt_by_source"),
        ),
        migrations.AddIndex(
            model_name="prompt",
            index=models.Index(fields=["workspace", "use_case", "-id"], name="prompt_by_use_case"),
        ),
        migrations.AddIndex(
            model_name="prompt",
            index=models.Index(fields=["workspace", "language", "-id"], name="prompt_by_language"),
        ),
        migrations.AddIndex(
            model_name="prompt",
            index=models.Index(fields=["workspace", "split", "-id"], name="prompt_by_split"),
        ),
        migrations.AddIndex(
            model_name="prompt",
            index=models.Index(
                models.F("workspace"),
                django.db.models.functions.text.Length("text"),
                models.F("id"),
                name="prompt_by_length",
            ),
        ),
        migrations.AddField(
            model_name="duplicatecluster",
            name="kept",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to="annotation.prompt",
            ),
        ),
        migrations.AddField(
            model_name="duplicatecluster",
            name="settled_by",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="duplicatemember",
            name="cluster",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="members",
                to="annotation.duplicatecluster",
            ),
        ),
        migrations.AddField(
            model_name="duplicatemember",
            name="prompt",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="memberships",
                to="annotation.prompt",
            ),
        ),
        migrations.AddField(
            model_name="duplicatesearch",
            name="by",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="duplicatesearch",
            name="job",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to="jobs.job",
            ),
        ),
        migrations.AddField(
            model_name="duplicatesearch",
            name="workspace",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="duplicate_searches",
                to="workspaces.workspace",
            ),
        ),
        migrations.AddField(
            model_name="duplicatecluster",
            name="search",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="clusters",
                to="annotation.duplicatesearch",
            ),
        ),
        migrations.AddField(
            model_name="promptedit",
            name="by",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="promptedit",
            name="job",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to="jobs.job",
            ),
        ),
        migrations.AddField(
            model_name="promptedit",
            name="undone_by",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="promptedit",
            name="workspace",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="prompt_edits",
                to="workspaces.workspace",
            ),
        ),
        migrations.AddField(
            model_name="prompteditrow",
            name="edit",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="rows",
                to="annotation.promptedit",
            ),
        ),
        migrations.AddField(
            model_name="prompteditrow",
            name="prompt",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="edit_rows",
                to="annotation.prompt",
            ),
        ),
        migrations.AddIndex(
            model_name="promptfingerprint",
            index=django.contrib.postgres.indexes.GinIndex(
                fastupdate=False, fields=["keys"], name="fingerprint_by_key"
            ),
        ),
        migrations.AddIndex(
            model_name="promptfingerprint",
            index=models.Index(fields=["exact"], name="fingerprint_by_words"),
        ),
        migrations.AddField(
            model_name="promptmerge",
            name="by",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="promptmerge",
            name="cluster",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="merges",
                to="annotation.duplicatecluster",
            ),
        ),
        migrations.AddField(
            model_name="promptmerge",
            name="kept",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="merged_in",
                to="annotation.prompt",
            ),
        ),
        migrations.AddField(
            model_name="promptmerge",
            name="merged",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="merged_away",
                to="annotation.prompt",
            ),
        ),
        migrations.AddField(
            model_name="promptword",
            name="workspace",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="workspaces.workspace",
            ),
        ),
        migrations.AddField(
            model_name="savedview",
            name="owner",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="savedview",
            name="workspace",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="saved_views",
                to="workspaces.workspace",
            ),
        ),
        migrations.AddField(
            model_name="usecase",
            name="workspace",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="use_cases",
                to="workspaces.workspace",
            ),
        ),
        migrations.AddIndex(
            model_name="duplicatemember",
            index=models.Index(fields=["prompt"], name="cluster_by_prompt"),
        ),
        migrations.AddConstraint(
            model_name="duplicatemember",
            constraint=models.UniqueConstraint(
                fields=("cluster", "prompt"), name="a_prompt_is_once_in_a_cluster"
            ),
        ),
        migrations.AddConstraint(
            model_name="duplicatesearch",
            constraint=models.CheckConstraint(
                condition=models.Q(("threshold__gte", 0.5), ("threshold__lte", 1)),
                name="near_duplicates_share_half_of_their_words",
            ),
        ),
        migrations.AddIndex(
            model_name="duplicatecluster",
            index=models.Index(fields=["search", "state", "-size", "id"], name="cluster_by_size"),
        ),
        migrations.AddConstraint(
            model_name="duplicatecluster",
            constraint=models.CheckConstraint(
                condition=models.Q(("state__in", ["open", "kept", "retired", "merged"])),
                name="a_cluster_has_a_known_state",
            ),
        ),
        migrations.AddConstraint(
            model_name="promptedit",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "kind__in",
                        ["tag", "untag", "split", "use_case", "guess", "retire", "restore"],
                    )
                ),
                name="an_edit_has_a_known_kind",
            ),
        ),
        migrations.AddIndex(
            model_name="prompteditrow",
            index=models.Index(fields=["prompt"], name="edit_row_by_prompt"),
        ),
        migrations.AddConstraint(
            model_name="prompteditrow",
            constraint=models.UniqueConstraint(
                fields=("edit", "prompt"), name="an_edit_changes_a_prompt_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="promptmerge",
            constraint=models.CheckConstraint(
                condition=models.Q(("kept", models.F("merged")), _negated=True),
                name="a_prompt_is_merged_into_another",
            ),
        ),
        migrations.AddConstraint(
            model_name="promptmerge",
            constraint=models.UniqueConstraint(
                condition=models.Q(("undone_at__isnull", True)),
                fields=("merged",),
                name="a_prompt_is_merged_once",
            ),
        ),
        migrations.AddIndex(
            model_name="promptword",
            index=django.contrib.postgres.indexes.GinIndex(
                django.contrib.postgres.indexes.OpClass("word", "gin_trgm_ops"),
                name="prompt_word_by_trigram",
            ),
        ),
        migrations.AddConstraint(
            model_name="promptword",
            constraint=models.UniqueConstraint(
                fields=("workspace", "word"), name="a_word_is_once_in_a_workspace"
            ),
        ),
        migrations.AddConstraint(
            model_name="savedview",
            constraint=models.UniqueConstraint(
                fields=("workspace", "owner", "name"), name="a_person_has_one_view_of_a_name"
            ),
        ),
        migrations.AddConstraint(
            model_name="usecase",
            constraint=models.UniqueConstraint(
                fields=("workspace", "name"), name="a_use_case_is_once_in_a_workspace"
            ),
        ),
    ]
