"""The conversations of a campaign, one of them whole, and an end to it."""

from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _

from annotation.access import MANAGES, READS
from annotation.actions.stop_conversation import stop_conversation
from annotation.conversation_pages import conversations_of, counts_of, levels_of
from annotation.models import Campaign, Conversation
from annotation.models.campaigns import Kind
from annotation.models.conversations import Growth
from webapp.rendering import render_markdown
from webapp.workspaces.access import role_of, workspace_page
from webapp.workspaces.models import Workspace

A_PAGE = 50


@workspace_page(*READS)
def conversation_list(request: HttpRequest, workspace: Workspace, pk: int) -> HttpResponse:
    campaign = get_object_or_404(Campaign, workspace=workspace, pk=pk)
    state = request.GET.get("state", "")
    found = Paginator(conversations_of(campaign, state), A_PAGE)
    context = {
        "campaign": campaign,
        "counts": counts_of(campaign) if campaign.kind == Kind.CONVERSATION else [],
        "state": state,
        "page": found.get_page(request.GET.get("page")),
    }
    return render(request, "annotation/conversations.html", context)


@workspace_page(*READS)
def conversation_page(
    request: HttpRequest, workspace: Workspace, conversation: int
) -> HttpResponse:
    found = _found(workspace, conversation)
    context = {
        "conversation": found,
        "campaign": found.campaign,
        "levels": [_shown(level) for level in levels_of(found)],
        "manages": role_of(workspace) in MANAGES,
        "over": found.state in (Growth.READY, Growth.ABORTED),
    }
    return render(request, "annotation/conversation.html", context)


@workspace_page(*MANAGES, methods=("POST",))
def conversation_stop(
    request: HttpRequest, workspace: Workspace, conversation: int
) -> HttpResponse:
    found = _found(workspace, conversation)
    if stop_conversation(
        conversation=found, by=request.user, reason=request.POST.get("reason", "")
    ):
        messages.success(request, _("The conversation is stopped. Its rankings keep counting."))
    else:
        messages.info(request, _("The conversation had ended already."))
    return redirect("annotation:conversation", workspace.slug, conversation)


def _found(workspace: Workspace, pk: int) -> Conversation:
    conversations = Conversation.objects.select_related("campaign", "root", "asked")
    return get_object_or_404(conversations, campaign__workspace=workspace, pk=pk)


def _shown(level: Any) -> dict[str, Any]:
    first = [] if level.question else level.prompt.messages[:-1]
    return {
        "level": level,
        "before": [
            {"role": each["role"], "rendered": render_markdown(str(each["content"]))}
            for each in first
        ],
        "question": render_markdown(str(level.prompt.messages[-1]["content"])),
        "answers": [(one, render_markdown(one.completion.text)) for one in level.answers],
        "others": [(turn, render_markdown(turn.text)) for turn in level.others],
    }
