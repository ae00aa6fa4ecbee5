"""The first three steps: models answer, a campaign is opened over the answers, people judge."""

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from annotation.actions.open_campaign import Plan, prepare_campaign
from annotation.boards.actions.board import BoardPlan, create_board
from annotation.boards.kinds import FREEZE
from annotation.models import Board, Campaign, Comparison, Prompt, Ranking
from annotation.models.campaigns import Kind, State
from annotation.queries import current, progress
from training.actions.endpoint import endpoint_of_version
from training.actions.sample import SamplePlan, sample
from training.models import ModelEndpoint, Round, RoundStep
from training.rounds.plan import RoundPlan
from training.rounds.standing import Standing, free_name, of_batch, of_job
from webapp.jobs import enqueue
from webapp.jobs.models import Job


def policies_of(found: Round) -> list[ModelEndpoint]:
    """Those that are asked: the newest first."""
    return [
        endpoint_of_version(version=version, by=found.created_by)
        for version in found.policies.order_by("-pk")
    ]


def board_of(found: Round) -> Board:
    """The round's board; made under the loop's name where there is none (any more)."""
    if found.board is None:
        boards = Board.objects.filter(workspace=found.workspace)
        found.board = create_board(
            workspace=found.workspace,
            by=found.created_by,
            plan=BoardPlan(
                name=free_name(boards, found.name),
                description=_("The models of the loop %s.") % found.name,
            ),
        )
    return found.board


def freeze_of_board(found: Round, moment: str) -> Job:
    """The job that keeps the board as it is now."""
    board = board_of(found)
    name = free_name(board.snapshots.all(), f"{found}, {moment}")
    # Not by ask_to_freeze: its module counts boards, and scipy holds 67 MB in every worker.
    return enqueue(
        kind=FREEZE,
        owner=found.created_by,
        workspace=found.workspace,
        arguments={"board": board.pk, "name": name},
    )


# ---- answers


def begin_sample(found: Round, step: RoundStep, plan: RoundPlan) -> None:
    step.job = freeze_of_board(found, "before")
    found.batch = sample(
        workspace=found.workspace,
        by=found.created_by,
        plan=SamplePlan(
            name=f"{found}: answers",
            endpoints=tuple(policies_of(found)),
            temperatures=plan.temperatures,
            seeds=(plan.seed,),
            samples=plan.samples,
            max_tokens=plan.max_tokens,
            most=plan.most,
            filter=plan.prompts.as_json(),
        ),
        prompts=plan.prompts.apply(Prompt.objects.filter(workspace=found.workspace)),
    )


def look_at_sample(found: Round, step: RoundStep, plan: RoundPlan) -> Standing:
    standing = of_batch(found.batch)
    if standing.done and found.before is None:
        return of_job(step.job, _("The board as it is before the round is being kept."))
    return standing


# ---- tasks


def begin_open(found: Round, step: RoundStep, plan: RoundPlan) -> None:
    campaigns = Campaign.objects.filter(workspace=found.workspace)
    found.campaign = prepare_campaign(
        workspace=found.workspace,
        by=found.created_by,
        plan=Plan(
            name=free_name(campaigns, str(found)),
            kind=plan.kind,
            guidelines=plan.guidelines,
            overlap=plan.overlap,
            answers=plan.shown,
            generators=tuple(endpoint.name for endpoint in policies_of(found)),
        ),
        wanted=plan.prompts,
        most=plan.most,
        opens=True,
    )


def look_at_open(found: Round, step: RoundStep, plan: RoundPlan) -> Standing:
    if found.campaign is None:
        return Standing(error=_("The campaign is gone. Try the step again."))
    if found.campaign.state == State.LAYING_OUT:
        return Standing(words=_("Its tasks are being laid out."))
    if found.campaign.state == State.DRAFT and not found.campaign.items.exists():
        return Standing(error=_("No task could be laid out. Widen the prompts, then try again."))
    return Standing(done=True)


# ---- judgements


def judged(campaign: Campaign, most: int) -> int:
    """Judgements of a campaign that count, at most `most`."""
    model = Ranking if campaign.kind == Kind.RANKING else Comparison
    found = current(model._default_manager.filter(assignment__campaign=campaign))
    return found.order_by()[:most].count()


def people_wait(campaign: Campaign | None, wanted: int | None) -> Standing:
    """Whether people have judged as much as is waited for: `wanted`, or all there is to do."""
    if campaign is None:
        return Standing(error=_("The campaign is gone. Try the step again."))
    done = progress(campaign)
    want = min(wanted, done.needed) if wanted is not None else done.needed
    have = judged(campaign, want)
    if have >= want or not done.missing:
        return Standing(done=True)
    what = (
        ngettext("%(have)d of %(want)d ranking", "%(have)d of %(want)d rankings", want)
        if campaign.kind == Kind.RANKING
        else ngettext("%(have)d of %(want)d comparison", "%(have)d of %(want)d comparisons", want)
    ) % {"have": have, "want": want}
    words = _("Waits for people: the campaign “%(campaign)s” has %(what)s.")
    if campaign.state != State.OPEN:
        words = _("The campaign “%(campaign)s” is not open; it has %(what)s. Open it again.")
    return Standing(words=words % {"campaign": campaign, "what": what}, have=have, want=want)


def begin_collect(found: Round, step: RoundStep, plan: RoundPlan) -> None:
    if found.campaign is None:
        raise ValidationError(_("There is no campaign to collect from."))


def look_at_collect(found: Round, step: RoundStep, plan: RoundPlan) -> Standing:
    return people_wait(found.campaign, plan.judgements)
