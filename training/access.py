"""Who may do what with snapshots, runs and models: managers act, viewers look."""

from webapp.workspaces.models import Role, Workspace

MANAGES = (Role.MANAGER,)
READS = (Role.MANAGER, Role.VIEWER)
WORKS = (Role.ANNOTATOR, Role.MANAGER)


def manages(workspace: Workspace) -> bool:
    """Whether whoever asked may change things in `workspace`, as workspace_page() found it."""
    return getattr(workspace, "role", "") == Role.MANAGER and workspace.archived_at is None
