"""Maps: the list, the form that asks for one, the map with what is picked on it."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _

from training.access import MANAGES, READS, manages
from training.models import MapPoint, ModelKind, PromptMap
from training.prompt_maps.actions.start_map import delete_map, start_map
from training.prompt_maps.actions.tag_points import tag_points
from training.prompt_maps.form import MapForm, points_of
from training.prompt_maps.queries import map_of, maps_in, points_with_texts, prompts_at
from training.run_queries import ready_models
from webapp.jobs.queries import Outlook
from webapp.workspaces.access import workspace_page
from webapp.workspaces.models import Workspace

A_PAGE = 30
HOVERED = 40  # points whose texts a hover asks for at once
LISTED = 50  # points of a selection that are listed
EXCERPT = 400
STOP_POLLING = 286


@workspace_page(*READS)
def map_list(request: HttpRequest, workspace: Workspace) -> HttpResponse:
    context = {
        "shown": Paginator(maps_in(workspace), A_PAGE).get_page(request.GET.get("page")),
        "manages": manages(workspace),
        "has_models": ready_models(workspace, ModelKind.EMBEDDER).exists(),
    }
    return render(request, "training/prompt_maps.html", context)


@workspace_page(*MANAGES, methods=("GET", "POST"))
def map_new(request: HttpRequest, workspace: Workspace) -> HttpResponse:
    form = MapForm(workspace, request.user, request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            row = start_map(workspace=workspace, by=request.user, plan=form.plan())
        except ValidationError as refused:
            form.add_error(None, refused)
        else:
            return redirect("training:prompt_map", workspace.slug, row.pk)
    has_models = ready_models(workspace, ModelKind.EMBEDDER).exists()
    context = {"form": form, "has_models": has_models}
    status = 422 if form.errors else 200
    return render(request, "training/prompt_map_new.html", context, status=status)


@workspace_page(*READS)
def map_page(request: HttpRequest, workspace: Workspace, map: int) -> HttpResponse:
    """The map, and while it is drawn how far it is."""
    row = map_of(workspace, map)
    going = row.job is not None and not row.job.is_finished
    context: dict[str, Any] = {
        "map": row,
        "going": going and not row.ready,
        "reason": Outlook().reason(row.job) if going and row.job is not None else "",
        "manages": manages(workspace),
    }
    if request.headers.get("HX-Request"):
        answer = render(request, "training/_prompt_map_state.html", context)
        if not context["going"]:
            answer.status_code = STOP_POLLING
            answer["HX-Refresh"] = "true"
        return answer
    if row.ready:
        context |= {"sets": _sets(row), "trusted": row.report["trustworthiness"] >= 0.8}
    return render(request, "training/prompt_map.html", context)


@workspace_page(*READS)
def map_points(request: HttpRequest, workspace: Workspace, map: int) -> HttpResponse:
    """Where every point is, and how many prompts of each set it stands for."""
    row = map_of(workspace, map)
    points = MapPoint.objects.filter(map=row).order_by("number")
    found = list(points.values_list("x", "y", "counts"))
    return JsonResponse(
        {
            "x": [round(x, 3) for x, _y, _c in found],
            "y": [round(y, 3) for _x, y, _c in found],
            "counts": [counts for _x, _y, counts in found],
            "sets": row.set_names,
        }
    )


@workspace_page(*READS)
def map_texts(request: HttpRequest, workspace: Workspace, map: int) -> HttpResponse:
    """The texts of a few points, as they are now: ?points=4,9-12."""
    row = map_of(workspace, map)
    try:
        points = points_of(request.GET.get("points", ""))[:HOVERED]
    except ValidationError as refused:
        return JsonResponse({"error": " ".join(refused.messages)}, status=400)
    gone = _("(These prompts were deleted.)")
    return JsonResponse(
        {
            str(point["number"]): (point["text"] or gone)[:EXCERPT]
            for point in points_with_texts(row, points)
        }
    )


@workspace_page(*READS, methods=("POST",))
def map_selection(request: HttpRequest, workspace: Workspace, map: int) -> HttpResponse:
    """What was picked, as a table; a part of the page."""
    row = map_of(workspace, map)
    context: dict[str, Any] = {"map": row, "manages": manages(workspace)}
    try:
        context |= _picked(row, request.POST.get("points", ""))
    except ValidationError as refused:
        context["refused"] = " ".join(refused.messages)
    return render(request, "training/_map_selection.html", context)


@workspace_page(*MANAGES, methods=("POST",))
def map_tag(request: HttpRequest, workspace: Workspace, map: int) -> HttpResponse:
    """Tag what was picked; the tag is what campaigns and snapshots are told then."""
    row = map_of(workspace, map)
    given, tag = request.POST.get("points", ""), request.POST.get("tag", "")
    try:
        edit = tag_points(row=row, by=request.user, points=points_of(given), tag=tag)
    except ValidationError as refused:
        if not request.headers.get("HX-Request"):
            messages.error(request, " ".join(refused.messages))
            return redirect("training:prompt_map", workspace.slug, row.pk)
        context = {"map": row, "manages": True, "refused": " ".join(refused.messages), "tag": tag}
        try:
            context |= _picked(row, given)
        except ValidationError:
            context["points"] = ""
        return render(request, "training/_map_selection.html", context, status=422)
    if not request.headers.get("HX-Request"):
        messages.success(request, _("Tagged “%s”.") % edit.value)
        return redirect(f"{reverse('annotation:prompts', args=[workspace.slug])}?tag={edit.value}")
    context = {"map": row, "manages": True, "edit": edit, **_picked(row, given)}
    return render(request, "training/_map_selection.html", context)


@workspace_page(*MANAGES, methods=("GET", "POST"))
def map_delete(request: HttpRequest, workspace: Workspace, map: int) -> HttpResponse:
    row = map_of(workspace, map)
    back = reverse("training:prompt_map", args=[workspace.slug, row.pk])
    if request.method == "POST":
        try:
            delete_map(row=row, by=request.user)
        except ValidationError as refused:
            messages.error(request, " ".join(refused.messages))
            return redirect(back)
        messages.success(request, _("The map “%s” is deleted.") % row.name)
        return redirect("training:prompt_maps", workspace.slug)
    context = {
        "question": _("Delete the map “%s”?") % row.name,
        "sentence": _("Prompts, their tags and the model's embeddings of them stay."),
        "takes": [_("The places of %d texts.") % row.report.get("points", 0)],
        "submit": _("Delete the map"),
        "cancel": back,
    }
    return render(request, "elements/confirm.html", context)


def _sets(row: PromptMap) -> list[dict[str, Any]]:
    return [
        {"name": name, "number": number, "prompts": taken, "left_out": left}
        for number, (name, taken, left) in enumerate(
            zip(row.set_names, row.report["prompts"], row.report["left_out"], strict=True), start=1
        )
    ]


def _picked(row: PromptMap, given: str) -> dict[str, Any]:
    points = points_of(given)
    counts = MapPoint.objects.filter(map=row, number__in=points).values_list("counts", flat=True)
    of_sets = [sum(column) for column in zip(*counts, strict=True)]
    return {
        "points": given,
        "count": len(counts),
        "prompts": len(prompts_at(row, points)),
        "of_sets": list(zip(row.set_names, of_sets, strict=False)),
        "rows": points_with_texts(row, points[:LISTED]),
        "more": max(0, len(counts) - LISTED),
    }
