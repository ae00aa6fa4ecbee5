"""The page that tells what a loop brought."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render

from training.access import READS
from training.rounds.queries import rounds_in
from training.rounds.story import charts, story_of
from webapp.workspaces.access import workspace_page
from webapp.workspaces.models import Workspace


@workspace_page(*READS)
def story(request: HttpRequest, workspace: Workspace, round: int) -> HttpResponse:
    """Of the loop that this round belongs to."""
    found = get_object_or_404(rounds_in(workspace), pk=round)
    told = story_of(found)
    return render(request, "training/loop.html", {"story": told, "charts": charts(told)})
