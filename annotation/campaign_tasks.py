"""The job that lays out a large campaign; annotation.tasks imports it."""

from typing import Any

from django.core.exceptions import ValidationError
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from annotation.actions.open_campaign import finish_layout
from annotation.models import Campaign
from annotation.models.campaigns import State
from annotation.prompt_filter import PromptFilter
from webapp.jobs import JobFailed, Work, job_kind


def _page(job: Any) -> str | None:
    if job.workspace is None:
        return None
    return reverse("annotation:campaign", args=[job.workspace.slug, job.arguments["campaign"]])


@job_kind("campaign layout", label=gettext_lazy("Laying out a campaign"), page=_page)
def lay_out_campaign(work: Work) -> dict[str, Any]:
    """Write the items and slots of a large campaign, all or nothing."""
    given = work.arguments
    campaign = Campaign.objects.select_related("workspace").get(pk=given["campaign"])
    if campaign.state != State.LAYING_OUT:
        return {}  # an earlier attempt has finished it
    work.progress(0, None, _("Choosing prompts and answers"))
    try:
        with work.fenced():
            items = finish_layout(
                campaign=campaign,
                by=work.job.owner or campaign.created_by,
                wanted=PromptFilter.from_json(given["filter"]),
                most=given["most"],
                opens=given["opens"],
            )
    except ValidationError as nothing:
        Campaign.objects.filter(pk=campaign.pk).update(state=State.DRAFT)
        raise JobFailed(" ".join(nothing.messages)) from None
    return {"items": items}
