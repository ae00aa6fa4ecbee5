"""Blind chat with two models, and the vote. Who they are is told afterwards."""

import uuid
from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _

from training.access import WORKS
from training.actions.battle import (
    LONGEST_QUESTION,
    MOST_TURNS,
    ask_on,
    leave_battle,
    start_battle,
    try_again,
    vote,
)
from training.battle_view import names, shown_turns
from training.model_queries import askable, battles_of
from training.models import Battle, BattleState, EndpointKind
from webapp.rendering import render_markdown
from webapp.workspaces.access import role_of, workspace_page
from webapp.workspaces.models import Workspace

STOP_POLLING = 286


@workspace_page(*WORKS)
def arena(request: HttpRequest, workspace: Workspace) -> HttpResponse:
    taking_part = list(askable(workspace).filter(in_arena=True).values_list("kind", flat=True))
    live = sum(kind != EndpointKind.RECORDED for kind in taking_part)
    mine = battles_of(request.user, workspace)
    context = {
        "models": len(taking_part),
        "live": live >= 2,
        "ready": len(taking_part) >= 2,
        "manages": role_of(workspace) == "manager",
        "open": mine.filter(state=BattleState.OPEN).first(),
        "voted": mine.filter(state=BattleState.VOTED).select_related("comparison")[:15],
        "longest": LONGEST_QUESTION,
    }
    return render(request, "training/arena.html", context)


@workspace_page(*WORKS, methods=("POST",))
def battle_new(request: HttpRequest, workspace: Workspace) -> HttpResponse:
    try:
        text = "" if request.POST.get("drawn") else request.POST.get("text", "").strip()
        if not text and not request.POST.get("drawn"):
            raise ValidationError(_("Write a question, or take a prompt of the collection."))
        battle = start_battle(workspace=workspace, by=request.user, text=text)
    except ValidationError as refused:
        messages.error(request, " ".join(refused.messages))
        return redirect("training:arena", workspace.slug)
    return redirect("training:battle", workspace.slug, battle.key)


@workspace_page(*WORKS)
def battle(request: HttpRequest, workspace: Workspace, battle: uuid.UUID) -> HttpResponse:
    """The page, or for htmx the conversation; polling ends when both sides have answered."""
    found = _own(request, workspace, battle)
    turns = shown_turns(found)
    context: dict[str, Any] = {
        "battle": found,
        "turns": [{"turn": turn, "asked": render_markdown(turn.text)} for turn in turns],
        "names": names(found),
        "going": not (turns[-1].done or turns[-1].failed),
        "failed": turns[-1].failed,
        "may_vote": found.state == BattleState.OPEN and turns[-1].done,
        "may_ask": len(turns) < MOST_TURNS,
        "vote_key": uuid.uuid4(),
        "longest": LONGEST_QUESTION,
    }
    if request.headers.get("HX-Request"):
        status = 200 if context["going"] else STOP_POLLING
        return render(request, "training/_battle.html", context, status=status)
    return render(request, "training/battle.html", context)


@workspace_page(*WORKS, methods=("POST",))
def battle_act(request: HttpRequest, workspace: Workspace, battle: uuid.UUID) -> HttpResponse:
    """Ask on, ask a failed side again, or leave."""
    found = _own(request, workspace, battle)
    act = request.POST.get("act", "ask")
    try:
        if act == "again":
            try_again(battle=found, by=request.user)
        elif act == "leave":
            leave_battle(battle=found, by=request.user)
            return redirect("training:arena", workspace.slug)
        else:
            ask_on(battle=found, by=request.user, text=request.POST.get("text", ""))
    except ValidationError as refused:
        messages.error(request, " ".join(refused.messages))
    return redirect("training:battle", workspace.slug, battle)


@workspace_page(*WORKS, methods=("POST",))
def battle_vote(request: HttpRequest, workspace: Workspace, battle: uuid.UUID) -> HttpResponse:
    found = _own(request, workspace, battle)
    try:
        key = uuid.UUID(request.POST.get("key", ""))
    except ValueError:
        key = uuid.uuid4()
    try:
        vote(battle=found, by=request.user, choice=request.POST.get("choice", ""), key=key)
    except ValidationError as refused:
        messages.error(request, " ".join(refused.messages))
    return redirect("training:battle", workspace.slug, battle)


def _own(request: HttpRequest, workspace: Workspace, key: uuid.UUID) -> Battle:
    mine = battles_of(request.user, workspace).select_related("comparison")
    return get_object_or_404(mine, key=key)
