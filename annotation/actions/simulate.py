"""The simulated annotator at work: it claims and submits as a person does, and is not one.

It sees what a person sees (the question and the answers in the order drawn), not who wrote them,
and can be paused on the campaign's quality page like everybody.
"""

import uuid
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from annotation.actions.assign import hand_out
from annotation.actions.submit import Submission, submit
from annotation.desk import HeldItem
from annotation.domain import answers
from annotation.domain.simulated_annotator import compare, rank
from annotation.models import Assignment, Campaign, Source
from annotation.models.campaigns import CHECKED, Kind
from webapp.accounts.models import User
from webapp.audit.actions.record import record
from webapp.workspaces.models import Membership, Role, Workspace

NAME = "Simulated annotator"
_KEYS = uuid.UUID("5f0b1a52-6c1e-4f5c-9b58-0d3c6f1a7b11")


@transaction.atomic
def simulated_annotator(*, workspace: Workspace, by: Any) -> User:
    """The workspace's simulated annotator, made on the first call; nobody can log in as it."""
    address = f"simulated-annotator-{workspace.pk}@localhost.invalid"
    person = User.objects.filter(email=address).first()
    if person is None:
        person = User.objects.create_user(address, None, name=NAME)
        record(actor=by, action="person.create", target=person, workspace=workspace)
    _membership, joined = Membership.objects.get_or_create(
        workspace=workspace, user=person, defaults={"role": Role.ANNOTATOR}
    )
    if joined:
        record(actor=by, action="membership.simulated", target=person, workspace=workspace)
    return person


def simulate(*, campaign: Campaign, annotator: User, most: int, seed: int = 0) -> int:
    """Judge up to `most` items by the rule; how many there were. Fewer: nothing is left for it, or
    it is paused.

    Raises:
        ValidationError: the campaign asks for something that the rule has no answer to.
    """
    if campaign.kind not in CHECKED:
        raise ValidationError(
            _("The simulated annotator compares and ranks answers; this campaign asks for: %s.")
            % campaign.get_kind_display()
        )
    done = 0
    while done < most:
        held = hand_out(campaign=campaign, annotator=annotator)
        if held is None:
            break
        _judge(campaign, annotator, held, seed)
        done += 1
    return done


@transaction.atomic
def _judge(campaign: Campaign, annotator: User, held: HeldItem, seed: int) -> None:
    assignment = Assignment.objects.select_related("campaign__workspace", "item").get(
        pk=held.assignment
    )
    judged = submit(
        assignment=assignment,
        annotator=annotator,
        submission=Submission(
            answer=_answer(campaign, assignment, held, seed),
            key=uuid.uuid5(_KEYS, f"{held.assignment} {held.attempt}"),
            attempt=held.attempt,
        ),
    )
    # Within the transaction: no reader and no count ever sees it as a person's.
    type(judged)._default_manager.filter(pk=judged.pk).update(source=Source.SIMULATED)


def _answer(
    campaign: Campaign, assignment: Assignment, held: HeldItem, seed: int
) -> answers.Answer:
    question = str(held.messages[-1].get("content", "")) if held.messages else ""
    if campaign.kind == Kind.COMPARISON:
        left, right = held.texts
        return answers.Comparison(compare(question, left, right, seed=seed))
    tiers = rank(question, held.texts)
    if campaign.kind == Kind.BEST_WORST:
        best, worst = tiers[0][0], tiers[-1][-1]
        return answers.BestWorst(assignment.shown_order[best], assignment.shown_order[worst])
    return answers.RankedAnswers(
        tuple(tuple(assignment.shown_order[at] for at in tier) for tier in tiers)
    )
