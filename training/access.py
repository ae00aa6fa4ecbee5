"""Who may do what with snapshots, runs and models: managers act, viewers look."""

from webapp.workspaces.models import Role

MANAGES = (Role.MANAGER,)
READS = (Role.MANAGER, Role.VIEWER)
WORKS = (Role.ANNOTATOR, Role.MANAGER)
