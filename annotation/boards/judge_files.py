"""How many of a judge's replies could not be read: by the files that brought its votes."""

from dataclasses import dataclass

from django.db.models import Exists, OuterRef

from annotation.domain.proportions import Share, share
from annotation.models import Comparison, Import, ImportState, Source
from webapp.workspaces.models import Workspace

MOST_FILES = 50


@dataclass(frozen=True)
class JudgeFile:
    """One import with votes of judges. unread: its records that were refused, of all it had.

    A reply that names no winner is refused and never a tie; the import's page lists each with its
    reason. duplicates: records that were there already.
    """

    imported: Import
    unread: Share
    duplicates: int


def judge_files(workspace: Workspace) -> list[JudgeFile]:
    """Newest first."""
    votes = Comparison.objects.filter(imported_in=OuterRef("pk"), source=Source.JUDGE)
    found = Import.objects.filter(
        Exists(votes), workspace=workspace, state=ImportState.IMPORTED
    ).only("name", "report", "imported_at")
    return [
        JudgeFile(
            one,
            share(one.report.get("refused_rows", 0), one.report.get("rows", 0)),
            one.report.get("duplicates", 0),
        )
        for one in found.order_by("-pk")[:MOST_FILES]
    ]
