"""The job of a run: ask, read what was answered, ask what follows from it, until nothing does."""

from typing import Any

from django.db.models.functions import Now
from django.utils.translation import gettext as _

from training.factory.plan import Settings, settings_of
from training.factory.procedures import Procedure
from training.factory.requests import answered, queue
from training.factory.safe_responses import SafeResponses
from training.factory.self_instruct import SelfInstruct
from training.generate.serve import generate
from training.models import Candidate, FactoryRequest, FactoryRun, Wizard
from webapp.faultpoint import faultpoint
from webapp.jobs import JobFailed, Work

PROCEDURES: dict[str, type[Procedure]] = {
    Wizard.SELF_INSTRUCT: SelfInstruct,
    Wizard.SAFE_RESPONSES: SafeResponses,
}


def carry_out(work: Work) -> dict[str, Any]:
    """Raises JobFailed when the model gives no answers or the budget is spent; what was answered
    is kept, and the job can be started again."""
    found = FactoryRun.objects.select_related("workspace", "endpoint", "batch")
    run = found.filter(pk=work.arguments["run_id"]).first()
    if run is None:
        raise JobFailed(_("The run was deleted."))
    procedure = PROCEDURES[run.kind](run)

    def read() -> None:
        _version, settings = settings_of(run)
        for request in answered(run):
            with work.fenced():
                take(request, procedure, settings)
            work.beat()

    def more() -> bool:
        read()
        version, settings = settings_of(run)  # somebody may have changed them meanwhile
        with work.fenced():
            return queue(run, version, settings, procedure.wanted(settings)) > 0

    try:
        return generate(work, run.batch, more=more)
    except JobFailed:
        read()  # what did come is not left lying
        raise


def take(request: FactoryRequest, procedure: Procedure, settings: Settings) -> None:
    """Make candidates of an answer, once. In the caller's transaction."""
    mine = FactoryRequest.objects.filter(pk=request.pk, taken_at__isnull=True)
    if not mine.update(taken_at=Now()):
        return
    Candidate.objects.bulk_create(procedure.take(request, settings))
    faultpoint("factory.taken")
