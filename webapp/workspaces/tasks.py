"""Long work on a whole workspace. What it does is in the actions; here it beats."""

from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from webapp.jobs import JobFailed, Work, job_kind
from webapp.workspaces.actions.workspace import DELETION, run_deletion


@job_kind(DELETION, label=gettext_lazy("Deletion of a workspace"), max_attempts=5)
def delete_rows_of_workspace(work: Work) -> dict[str, Any]:
    """Batch by batch; an attempt that follows another goes on where that one was."""
    work.progress(0, None, _("Taking rows out"))
    gone = 0

    def count(rows: int) -> None:
        nonlocal gone
        gone = rows
        work.progress(rows)

    try:
        run_deletion(
            workspace_id=work.arguments["workspace_id"], fenced=work.fenced, on_batch=count
        )
    except ValidationError as refused:
        raise JobFailed(" ".join(refused.messages)) from refused
    return {"rows": gone}
