"""A crowd link is made, somebody comes by it, works, and is done."""

import hashlib
import secrets
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from annotation.actions.assign import assign
from annotation.crowd import Sent, answers_given, places_taken
from annotation.models import Campaign, CampaignWorker, CrowdLink, CrowdWork
from annotation.models.campaigns import State
from annotation.models.crowd import Ending
from annotation.queries import held_assignment
from annotation.standings import is_stopped, training_of
from webapp.accounts.models import User
from webapp.audit.actions.record import record
from webapp.workspaces.models import Membership, Role

LIMIT = "campaign %d"  # User.limited_to of a crowd worker


@dataclass(frozen=True)
class LinkPlan:
    """As annotation.models.CrowdLink has it."""

    platform: str
    answers: int
    places: int = 100
    completion_code: str = ""
    completion_url: str = ""
    screen_out_code: str = ""
    screen_out_url: str = ""


@transaction.atomic
def set_link(*, campaign: Campaign, by: Any, plan: LinkPlan) -> CrowdLink:
    """Make the campaign's link, or change what it asks for; its address stays the same."""
    link = CrowdLink.objects.select_for_update().filter(campaign=campaign).first()
    link = link or CrowdLink(campaign=campaign, created_by=by)
    for name, value in vars(plan).items():
        setattr(link, name, value)
    link.nonce = link.nonce or secrets.token_urlsafe(24)
    link.full_clean()
    link.save()
    _recorded(link, by, "crowd.link")
    return link


@transaction.atomic
def switch_off(*, link: CrowdLink, by: Any) -> CrowdLink:
    """Nobody comes in by the old address any more; who is at work finishes. set_link makes a new
    address."""
    link.nonce = ""
    link.save(update_fields=["nonce"])
    _recorded(link, by, "crowd.link_off")
    return link


def _recorded(link: CrowdLink, by: Any, action: str) -> None:
    record(actor=by, action=action, target=link.campaign, workspace=link.campaign.workspace)


def begin(*, link: CrowdLink, sent: Sent) -> CrowdWork:
    """The work of one assignment of the platform: begun, or the one that was begun before.

    Raises:
        ValidationError: it is somebody else's, the campaign is not open, or no place is left.
    """
    try:
        with transaction.atomic():
            return _begin(link, sent)
    except IntegrityError:  # a double click: the other request was faster
        with transaction.atomic():
            return _begin(link, sent)


def _begin(link: CrowdLink, sent: Sent) -> CrowdWork:
    CrowdLink.objects.select_for_update().get(pk=link.pk)  # places are counted one at a time
    before = CrowdWork.objects.filter(link=link, external=sent.external).first()
    if before is not None:
        if before.worker != sent.worker:
            raise ValidationError(_("This assignment of the platform belongs to somebody else."))
        return before
    if link.campaign.state != State.OPEN:
        raise ValidationError(_("This work is not open at the moment. Nothing was begun."))
    if places_taken(link) >= link.places:
        raise ValidationError(_("All places of this study are taken. Nothing was begun."))
    person = _person(link, sent.worker)
    CrowdWork.objects.filter(link=link, person=person, ending="").update(
        ending=Ending.LEFT, ended_at=Now()
    )
    work = CrowdWork.objects.create(
        link=link, person=person, worker=sent.worker, study=sent.study, external=sent.external
    )
    record(
        actor=person,
        action="crowd.begin",
        target=work,
        workspace=link.campaign.workspace,
    )
    return work


def _person(link: CrowdLink, worker: str) -> User:
    """The account of a worker in this campaign: no password, no mail, nothing else to open."""
    campaign = link.campaign
    digest = hashlib.sha256(worker.encode()).hexdigest()[:24]
    address = f"crowd-{link.pk}-{digest}@localhost.invalid"
    person = User.objects.filter(email=address).first()
    if person is None:
        person = User.objects.create_user(
            address, None, name=f"{link.get_platform_display()} {worker}"[:150]
        )
        person.limited_to = LIMIT % campaign.pk
        person.save(update_fields=["limited_to"])
    Membership.objects.get_or_create(
        workspace=campaign.workspace, user=person, defaults={"role": Role.ANNOTATOR}
    )
    if not campaign.everyone:
        CampaignWorker.objects.get_or_create(campaign=campaign, user=person)
    return person


def go_on(*, campaign: Campaign, person: Any) -> None:
    """Hand out the next item, or end the assignment: enough is answered, the training was failed,
    the person was stopped, or nothing is left."""
    work = (
        CrowdWork.objects.select_related("link")
        .filter(link__campaign=campaign, person=person, ending="")
        .first()
    )
    if work is None or held_assignment(person, campaign) is not None:
        return
    training = training_of(person, campaign)
    given = answers_given(work)
    if is_stopped(person, campaign) or not (training.open or training.admitted):
        _end(work, Ending.SCREENED_OUT)
    elif given >= work.link.answers:
        _end(work, Ending.COMPLETED)
    elif campaign.state == State.OPEN and assign(campaign=campaign, annotator=person) is None:
        _end(work, Ending.COMPLETED if given else Ending.NOTHING_LEFT)


def _end(work: CrowdWork, ending: str) -> None:
    CrowdWork.objects.filter(pk=work.pk, ending="").update(ending=ending, ended_at=Now())
