from django.db import migrations

REFUSE = """
CREATE FUNCTION audit_entries_are_only_added() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'audit entries are only added: % is refused', TG_OP
        USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER audit_entries_are_only_added BEFORE UPDATE OR DELETE ON audit_auditentry
    FOR EACH STATEMENT EXECUTE FUNCTION audit_entries_are_only_added();
"""
ALLOW = """
DROP TRIGGER audit_entries_are_only_added ON audit_auditentry;
DROP FUNCTION audit_entries_are_only_added();
"""


class Migration(migrations.Migration):
    dependencies = [("audit", "0001_initial")]

    operations = [migrations.RunSQL(REFUSE, ALLOW)]
