from django.db import migrations

# What createcachetable would make: limits must hold across processes, so memory will not do.
CREATE = """
CREATE TABLE rondo_cache (
    cache_key varchar(255) PRIMARY KEY,
    value text NOT NULL,
    expires timestamptz NOT NULL
);
CREATE INDEX rondo_cache_expires ON rondo_cache (expires);
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0002_people_have_limits_and_preferences")]

    operations = [migrations.RunSQL(CREATE, "DROP TABLE rondo_cache;")]
