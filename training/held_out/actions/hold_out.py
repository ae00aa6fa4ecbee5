"""Have a run's answers scored by somebody that it does not learn from, and look at what parts."""

from collections.abc import Iterable, Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from annotation.actions.add_item import add_item
from annotation.actions.add_texts import add_completion, add_prompt
from annotation.actions.open_campaign import Plan, open_without_items
from annotation.models import Campaign, Completion, Prompt
from annotation.models.campaigns import Kind
from training.held_out.queries import Answer, answers_of
from training.models import (
    Batch,
    HeldOutMeasure,
    HeldOutScore,
    MeasureKind,
    ModelEndpoint,
    ModelKind,
    ModelVersion,
    TrainingRun,
)
from webapp.audit.actions.record import record
from webapp.jobs import enqueue
from webapp.jobs.models import FINISHED

MOST_PAIRS = 120  # that one click puts before people
MOST_SUSPICIOUS = 40
GUIDELINES = (
    "Which answer helps more? They come from one model at two moments of its training. Judge what "
    "an answer says and not how long, how confident or how polite it is."
)


@transaction.atomic
def measure_run(
    *,
    run: TrainingRun,
    by: Any,
    reward: ModelVersion | None = None,
    endpoint: ModelEndpoint | None = None,
) -> HeldOutMeasure:
    """Queue the scoring of all answers that the run kept and this scorer has not seen; asked again,
    it goes on with the new ones.

    Raises:
        ValidationError: nothing to score, a scorer that cannot be one, or its job is not over.
    """
    if (reward is None) == (endpoint is None):
        raise ValidationError(_("Choose a reward model or a judge."))
    if not answers_of(run):
        raise ValidationError(
            _("This run has kept no answer yet. Runs keep some with sample_every or rollouts.")
        )
    if reward is not None:
        _check_reward(run, reward)
        kind = MeasureKind.REWARD
    else:
        assert endpoint is not None
        if endpoint.workspace_id != run.workspace_id or endpoint.retired_at is not None:
            raise ValidationError(_("This judge is not asked any more. Choose another model."))
        kind = MeasureKind.JUDGE
    measure, made = HeldOutMeasure.objects.select_related("job").get_or_create(
        run=run, reward=reward, endpoint=endpoint, kind=kind, defaults={"created_by": by}
    )
    if measure.job is not None and measure.job.state not in FINISHED:
        raise ValidationError(_("“%s” is scoring this run already.") % measure)
    if endpoint is not None and measure.batch is None:
        measure.batch = Batch.objects.create(
            workspace=run.workspace,
            name=f"{run.name}: {endpoint.name}"[:100],
            purpose="held-out judge",
            created_by=by,
        )
    on_gpu = reward is not None or (endpoint is not None and endpoint.is_local)
    measure.job = enqueue(
        kind="held-out scores of models" if on_gpu else "held-out scores",
        owner=by,
        workspace=run.workspace,
        arguments={"measure_id": measure.pk, "run_id": run.pk},
    )
    measure.save(update_fields=["job", "batch"])
    record(
        actor=by,
        action="run.hold_out",
        target=run,
        workspace=run.workspace,
        changes={"scored by": ["" if made else str(measure), str(measure)]},
    )
    return measure


def _check_reward(run: TrainingRun, reward: ModelVersion) -> None:
    if reward.workspace_id != run.workspace_id or reward.kind != ModelKind.REWARD:
        raise ValidationError(_("A reward model of this workspace is needed."))
    if not reward.ready:
        raise ValidationError(_("The files of %(model)s are missing.") % {"model": reward})
    if run.models.filter(role="reward", version=reward).exists():
        raise ValidationError(
            _("The run learns from %(model)s: its score is the proxy. Choose another one.")
            % {"model": reward}
        )


@transaction.atomic
def ask_people(*, run: TrainingRun, by: Any, name: str, overlap: int = 1) -> HeldOutMeasure:
    """Open a campaign in which people compare later answers with the first one to each prompt.

    Raises:
        ValidationError: no prompt was answered twice, or the name is taken.
    """
    found = answers_of(run)
    first = first_answers(found)
    later = [a for a in found if a.step > first[a.prompt].step and a.text != first[a.prompt].text]
    if not later:
        raise ValidationError(
            _(
                "No prompt was answered at two steps, so there is nothing to compare. Give the run "
                "fixed prompts: training.sample_prompts and training.sample_every."
            )
        )
    campaign = _campaign(run, by, name, overlap)
    try:
        with transaction.atomic():
            measure = HeldOutMeasure.objects.create(
                run=run, kind=MeasureKind.PEOPLE, campaign=campaign, created_by=by
            )
    except IntegrityError as error:
        raise ValidationError(_("The campaign could not be opened: %s") % error) from None
    _put_in(campaign, by, run, measure, [(first[a.prompt], a) for a in spread(later, MOST_PAIRS)])
    record(
        actor=by,
        action="run.hold_out",
        target=run,
        workspace=run.workspace,
        changes={"scored by": ["", campaign.name]},
    )
    return measure


@transaction.atomic
def send_suspicious(
    *, run: TrainingRun, by: Any, name: str, answers: Sequence[Answer]
) -> tuple[Campaign, int]:
    """Put suspicious answers before people: each against the first answer to its prompt, or, where
    no prompt was answered twice, to be corrected. (the campaign, how many answers are in it)

    Raises:
        ValidationError: nothing is suspicious, or the name is taken.
    """
    chosen = list(answers)[:MOST_SUSPICIOUS]
    if not chosen:
        raise ValidationError(_("No answer is scored by both, so none is suspicious."))
    first = first_answers(answers_of(run))
    pairs = [
        (first[a.prompt], a)
        for a in chosen
        if first[a.prompt].step < a.step and first[a.prompt].text != a.text
    ]
    if pairs:
        campaign = _campaign(run, by, name, 1)
        _put_in(campaign, by, run, None, pairs)
    else:
        plan = Plan(name=name, kind=Kind.DEMONSTRATION, rewrites=True, guidelines=GUIDELINES)
        campaign = open_without_items(workspace=run.workspace, by=by, plan=plan)
        for answer in chosen:
            prompt, completion = as_completion(run, answer)
            add_item(campaign=campaign, by=by, prompt=prompt, completions=[completion])
    record(
        actor=by,
        action="run.send_suspicious",
        target=run,
        workspace=run.workspace,
        changes={"campaign": ["", campaign.name], "answers": [0, len(pairs) or len(chosen)]},
    )
    return campaign, len(pairs) or len(chosen)


def first_answers(answers: Iterable[Answer]) -> dict[str, Answer]:
    """prompt -> the earliest answer to it."""
    found: dict[str, Answer] = {}
    for answer in answers:
        before = found.get(answer.prompt)
        if before is None or (answer.step, answer.pk) < (before.step, before.pk):
            found[answer.prompt] = answer
    return found


def spread(answers: Sequence[Answer], most: int) -> list[Answer]:
    """At most `most` of them, evenly over the steps."""
    ordered = sorted(answers, key=lambda each: (each.step, each.pk))
    if len(ordered) <= most:
        return ordered
    return [ordered[number * len(ordered) // most] for number in range(most)]


def as_completion(run: TrainingRun, answer: Answer) -> tuple[Prompt, Completion]:
    """The answer as people are shown it; the same one is made once."""
    prompt = add_prompt(
        workspace=run.workspace, messages=answer.messages, by=None, source=f"run {run.name}"
    )
    completion = add_completion(
        prompt=prompt,
        said=[answer.text],
        generator=f"{run.name} step {answer.step}",
        settings={"run": run.pk, "step": answer.step, "proxy": answer.proxy},
    )
    return prompt, completion


def _campaign(run: TrainingRun, by: Any, name: str, overlap: int) -> Campaign:
    plan = Plan(name=name, kind=Kind.COMPARISON, overlap=overlap, guidelines=GUIDELINES)
    return open_without_items(workspace=run.workspace, by=by, plan=plan)


def _put_in(
    campaign: Campaign,
    by: Any,
    run: TrainingRun,
    measure: HeldOutMeasure | None,
    pairs: Sequence[tuple[Answer, Answer]],
) -> None:
    for before, after in pairs:
        shown = []
        for answer in (before, after):
            prompt, completion = as_completion(run, answer)
            shown.append(completion)
            if measure is not None:
                HeldOutScore.objects.get_or_create(
                    measure=measure, event_id=answer.pk, defaults={"completion": completion}
                )
        add_item(campaign=campaign, by=by, prompt=prompt, completions=shown)
