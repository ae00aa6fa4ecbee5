"""What a crowd link leads to: its address, what a platform says of its person, the codes."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, F, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.urls import reverse
from django.utils.crypto import salted_hmac
from django.utils.timezone import now
from django.utils.translation import gettext as _

from annotation.models import Assignment, Campaign, CrowdLink, CrowdWork
from annotation.models.campaigns import Purpose
from annotation.models.crowd import Ending, Platform
from webapp.public_address import public_address

# Platform: its names of the person, the study and the assignment, and how its links say them.
NAMES: dict[str, tuple[str, str, str]] = {
    Platform.PROLIFIC: ("PROLIFIC_PID", "STUDY_ID", "SESSION_ID"),
    Platform.MTURK: ("workerId", "hitId", "assignmentId"),
    Platform.OTHER: ("worker", "study", "assignment"),
}
PLACEHOLDERS = {Platform.PROLIFIC: "{{%%%s%%}}", Platform.MTURK: "${%s}", Platform.OTHER: "<%s>"}
PREVIEW = "ASSIGNMENT_ID_NOT_AVAILABLE"  # what Mechanical Turk says before the work is accepted
AN_ID = re.compile(r"[A-Za-z0-9_.:-]{1,100}")
PROLIFIC_END = "https://app.prolific.com/submissions/complete?cc="


class WrongIds(ValueError):
    """The address does not say who comes from the platform; the message says what is missing."""


@dataclass(frozen=True)
class Sent:
    """Whom a platform sends: its ids of the person, the study and the assignment."""

    worker: str
    study: str
    external: str


def secret_of(link: CrowdLink) -> str:
    """The part of the address that nobody guesses; empty where the link is switched off.

    Made with the installation's key: a copy of the database alone opens nothing.
    """
    if not link.nonce:
        return ""
    text = f"{link.pk}:{link.nonce}"
    return salted_hmac("rondo crowd link", text, algorithm="sha256").hexdigest()[:40]


def address_of(link: CrowdLink) -> str:
    """The link as it is pasted on the platform, with the platform's own placeholders."""
    secret = secret_of(link)
    if not secret:
        return ""
    names = NAMES[link.platform]
    filled = "&".join(f"{name}={PLACEHOLDERS[Platform(link.platform)] % name}" for name in names)
    return f"{public_address(reverse('crowd', args=[link.pk, secret]))}?{filled}"


def sent_by(platform: str, query: Mapping[str, str]) -> Sent | None:
    """Whom the query of an address names; None for a look before the work is accepted.

    Raises:
        WrongIds: an id is missing or none.
    """
    names = NAMES[platform]
    found = [str(query.get(name, "")) for name in names]
    if found[2] == PREVIEW:
        return None
    for name, value in zip(names, found, strict=True):
        optional = name == names[1] and not value
        if not optional and not AN_ID.fullmatch(value):
            raise WrongIds(
                _(
                    "The address has %(given)s for %(name)s. It takes 1 to 100 letters, digits or"
                    " . : _ - as the platform fills them in: open the work from the platform."
                )
                % {"given": repr(value[:40]) if value else _("nothing"), "name": name}
            )
    return Sent(*found)


def answers_given(work: CrowdWork) -> int:
    """What counts toward the assignment: answers since it began, the training left out."""
    return (
        Assignment.objects.filter(
            campaign=work.link.campaign_id,
            annotator=work.person_id,
            submitted_at__gte=work.begun_at,
            state="submitted",
        )
        .exclude(purpose=Purpose.TRAINING)
        .count()
    )


def works_of(campaign: Campaign) -> QuerySet[CrowdWork]:
    """The assignments of a campaign's link, the newest first, each with `given` answers."""
    given = (
        Assignment.objects.filter(
            campaign=campaign,
            annotator=OuterRef("person"),
            state="submitted",
            submitted_at__gte=OuterRef("begun_at"),
            submitted_at__lte=Coalesce(OuterRef("ended_at"), now()),
        )
        .exclude(purpose=Purpose.TRAINING)
        .order_by()
        .values("annotator")
        .annotate(n=Count("pk"))
        .values("n")
    )
    works = CrowdWork.objects.filter(link__campaign=campaign).select_related("link", "person")
    return works.annotate(given=Coalesce(Subquery(given), 0))


def counts_of(link: CrowdLink) -> dict[str, int]:
    """How many assignments ended how."""
    rows = link.works.order_by().values_list("ending").annotate(n=Count("pk"))
    return dict(rows)


def places_taken(link: CrowdLink) -> int:
    """Assignments that began and took a place: who was screened out or found nothing gives it
    back."""
    back = Q(ending__in=(Ending.SCREENED_OUT, Ending.NOTHING_LEFT, Ending.LEFT))
    return link.works.exclude(back).count()


def newest_work(person: Any, campaign: int) -> CrowdWork | None:
    works = CrowdWork.objects.filter(person=person, link__campaign=campaign)
    # The one under way first; else the one that ended last.
    return (
        works.select_related("link").order_by(F("ended_at").desc(nulls_first=True), "-pk").first()
    )


def code_of(work: CrowdWork) -> str:
    """What the person enters or is led to at the platform; empty where there is none."""
    if work.ending == Ending.COMPLETED:
        return work.link.completion_code or _own_code(work)
    return work.link.screen_out_code if work.ending == Ending.SCREENED_OUT else ""


def way_back(work: CrowdWork) -> str:
    """The address at the platform that the person goes back to; empty where it has none."""
    link, code = work.link, code_of(work)
    if work.ending == Ending.COMPLETED and link.completion_url:
        return link.completion_url
    if work.ending == Ending.SCREENED_OUT and link.screen_out_url:
        return link.screen_out_url
    fixed = (work.ending == Ending.COMPLETED and link.completion_code) or (
        work.ending == Ending.SCREENED_OUT and link.screen_out_code
    )
    return f"{PROLIFIC_END}{code}" if link.platform == Platform.PROLIFIC and fixed else ""


def _own_code(work: CrowdWork) -> str:
    text = f"{work.link_id}:{work.external}"
    return salted_hmac("rondo crowd code", text, algorithm="sha256").hexdigest()[:10].upper()
