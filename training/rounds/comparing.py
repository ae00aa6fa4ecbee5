"""The last three steps: the new model answers, people compare it with the earlier ones, the board
is kept as it is afterwards."""

from itertools import combinations

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from annotation.actions.open_campaign import Plan
from annotation.models import Campaign, Prompt
from annotation.models.campaigns import Kind
from training.actions.endpoint import endpoint_of_version
from training.actions.sample import SamplePlan, sample
from training.models import ModelEndpoint, Round, RoundStep
from training.rounds.collecting import freeze_of_board, people_wait, policies_of
from training.rounds.learning import beside
from training.rounds.plan import MOST_COMPARED, RoundPlan
from training.rounds.standing import Standing, free_name, of_batch, of_job


def compared(found: Round, plan: RoundPlan) -> list[ModelEndpoint]:
    """The new models and those that answered before them."""
    if found.model is None:
        raise ValidationError(_("There is no new model yet."))
    newest = [
        endpoint_of_version(version=version, by=found.created_by)
        for version in (found.model, *beside(found, plan))
    ]
    return [*newest, *(each for each in policies_of(found) if each not in newest)]


def begin_answer(found: Round, step: RoundStep, plan: RoundPlan) -> None:
    found.answers = sample(
        workspace=found.workspace,
        by=found.created_by,
        plan=SamplePlan(
            name=f"{found}: answers to compare",
            endpoints=tuple(compared(found, plan)),
            temperatures=plan.temperatures[:1],
            seeds=(plan.seed,),
            max_tokens=plan.max_tokens,
            most=plan.compare_most,
            filter=plan.compare.as_json(),
        ),
        prompts=plan.compare.apply(Prompt.objects.filter(workspace=found.workspace)),
    )


def look_at_answer(found: Round, step: RoundStep, plan: RoundPlan) -> Standing:
    return of_batch(found.answers)


def begin_compare(found: Round, step: RoundStep, plan: RoundPlan) -> None:
    # Here and not above: scipy holds 67 MB, and most processes that know the step never begin it.
    from annotation.boards.actions.draw_pairs import Drawing, open_paired_campaign
    from annotation.domain.pair_selection import Strategy

    campaigns = Campaign.objects.filter(workspace=found.workspace)
    models = compared(found, plan)
    pairs = len(list(combinations(models, 2)))
    most = min(plan.votes or plan.compare_most * pairs, MOST_COMPARED)
    found.comparison = open_paired_campaign(
        workspace=found.workspace,
        by=found.created_by,
        plan=Plan(
            name=free_name(campaigns, f"{found}: comparison"),
            kind=Kind.COMPARISON,
            guidelines=plan.guidelines,
            generators=tuple(endpoint.name for endpoint in models),
        ),
        drawing=Drawing(
            strategy=Strategy.UNIFORM.value,
            most=most,
            batch=most,  # all at once: a uniform draw learns nothing from votes
            seed=plan.seed,
        ),
        wanted=plan.compare,
    )


def look_at_compare(found: Round, step: RoundStep, plan: RoundPlan) -> Standing:
    return people_wait(found.comparison, plan.votes)


def begin_board(found: Round, step: RoundStep, plan: RoundPlan) -> None:
    step.job = freeze_of_board(found, "after")


def look_at_board(found: Round, step: RoundStep, plan: RoundPlan) -> Standing:
    if found.after is not None:
        return Standing(done=True)
    return of_job(step.job, _("The board is being counted."))
