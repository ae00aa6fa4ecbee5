"""What a workspace asks about answers in words of its own."""

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _

from annotation.access import MANAGES
from annotation.actions.change_attributes import add_attribute, retire_attribute
from annotation.forms import AttributeForm
from annotation.models import Attribute
from webapp.workspaces.access import workspace_page
from webapp.workspaces.models import Workspace


@workspace_page(*MANAGES, methods=("GET", "POST"))
def attribute_list(request: HttpRequest, workspace: Workspace) -> HttpResponse:
    form = AttributeForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            add_attribute(workspace=workspace, by=request.user, **form.cleaned_data)
        except ValidationError as refused:
            form.add_error(None, refused)
        else:
            messages.success(request, _("Added. New campaigns can ask it."))
            return redirect("annotation:attributes", workspace.slug)
    context = {"form": form, "attributes": workspace.attributes.filter(retired_at=None)}
    return render(
        request, "annotation/attributes.html", context, status=422 if form.errors else 200
    )


@workspace_page(*MANAGES, methods=("POST",))
def attribute_retire(request: HttpRequest, workspace: Workspace, attribute: int) -> HttpResponse:
    found = get_object_or_404(Attribute, workspace=workspace, pk=attribute)
    retire_attribute(attribute=found, by=request.user)
    messages.success(request, _("It is offered to no new campaign. Its ratings are kept."))
    return redirect("annotation:attributes", workspace.slug)
