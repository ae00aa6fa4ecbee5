"""Say that counted votes changed in a way that no newer row tells."""

from django.db import connection

from webapp.workspaces.models import Workspace


def mark_changed_votes(workspace: Workspace) -> None:
    """Boards of this workspace that were counted before this transaction count anew.

    Call it in the transaction of the change. The row's lock puts such changes in an order, so that
    a count that saw the last of them saw them all.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO annotation_changedvotes (workspace_id, transaction) "
            "VALUES (%s, pg_current_xact_id()::text::bigint) "
            "ON CONFLICT (workspace_id) DO UPDATE SET transaction = EXCLUDED.transaction",
            [workspace.pk],
        )
