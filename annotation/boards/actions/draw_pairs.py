"""Which models meet next: items of a campaign, drawn in batches from what the votes say so far.

Every batch keeps a uniform share and the probability of each pair, so that boards can weigh back.
"""

from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

import numpy as np
from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from annotation.actions.open_campaign import Plan, open_without_items
from annotation.boards.marks import judgements_of, ratings_of
from annotation.boards.queries import shown
from annotation.boards.read_votes import Reading, pair_key
from annotation.boards.votes import Votes
from annotation.domain.battles import Cells
from annotation.domain.bradley_terry import BradleyTerryFit, fit_bradley_terry
from annotation.domain.pair_selection import (
    EXPLORATION,
    Posterior,
    Strategy,
    mix_with_uniform,
    pair_probabilities,
)
from annotation.judgement_filter import JudgementFilter
from annotation.models import (
    Board,
    Campaign,
    Completion,
    Item,
    ItemCompletion,
    PairDraw,
    PairPlan,
    Prompt,
)
from annotation.models.campaigns import State
from annotation.prompt_filter import PromptFilter
from webapp.audit.actions.record import record

PRIOR_SD = 2.0  # logits: what is believed of a model before its first vote
MOST_MODELS = 60
MOST_PROMPTS = 20_000

ADD_SLOTS = """
INSERT INTO annotation_assignment
    (campaign_id, item_id, state, attempt, shown_order, purpose)
SELECT %(campaign)s, item.id, 'open', 0, '{}', 'work'
FROM generate_series(1, %(overlap)s) AS slot, annotation_item item
WHERE item.id = ANY(%(items)s)
ORDER BY slot, item.id
"""


@dataclass(frozen=True)
class Drawing:
    """How pairs are to be chosen. most: items in all. batch: items between two looks at the votes.

    uniform_share: at least this share is drawn evenly. newcomer: the model that `near` places.
    """

    strategy: str = Strategy.MISORDER.value
    most: int = 200
    batch: int = 50
    uniform_share: float = EXPLORATION
    newcomer: str = ""
    board: Board | None = None
    seed: int = 0
    models: tuple[str, ...] = field(default_factory=tuple)


@transaction.atomic
def open_paired_campaign(
    *, workspace: Any, by: Any, plan: Plan, drawing: Drawing, wanted: PromptFilter
) -> Campaign:
    """A campaign of comparisons or rankings whose items are drawn batch by batch.

    Raises:
        ValidationError: the name is taken, or no prompt has answers of two models.
    """
    campaign = open_without_items(workspace=workspace, by=by, plan=plan)
    prompts = wanted.apply(Prompt.objects.filter(workspace=workspace))
    plan_pairs(campaign=campaign, by=by, drawing=drawing, prompts=prompts)
    return campaign


@transaction.atomic
def plan_pairs(
    *, campaign: Campaign, by: Any, drawing: Drawing, prompts: QuerySet[Prompt]
) -> PairPlan:
    """Give an open campaign without items its plan, and draw the first batch.

    Raises:
        ValidationError: fewer than two models answer the prompts, or the newcomer is none of them.
    """
    if drawing.strategy not in list(Strategy):
        raise ValidationError(_("Choose one of: %s.") % ", ".join(Strategy))
    if not 0.0 <= drawing.uniform_share <= 1.0:
        raise ValidationError(_("The uniform share is between 0 and 1."))
    usable = prompts.filter(workspace=campaign.workspace, retired_at__isnull=True)
    plan = PairPlan.objects.create(
        campaign=campaign,
        board=drawing.board,
        strategy=drawing.strategy,
        uniform_share=drawing.uniform_share,
        newcomer=drawing.newcomer,
        batch=drawing.batch,
        most=drawing.most,
        seed=drawing.seed,
        prompts=list(usable.order_by("pk").values_list("pk", flat=True)[:MOST_PROMPTS]),
    )
    if not _draw(plan):
        raise ValidationError(
            _(
                "No prompt has answers of two of these models. Sample or import answers first, or "
                "choose other models."
            )
        )
    record(
        actor=by,
        action="campaign.pairs",
        target=campaign,
        workspace=campaign.workspace,
        changes={"strategy": [None, drawing.strategy], "most": [0, drawing.most]},
    )
    return plan


def draw_more(campaign: Campaign) -> bool:
    """Draw the next batch of a campaign whose queue is empty; whether there is one.

    Two people who find it empty at once get one batch: the second waits, and sees it.
    """
    if not PairPlan.objects.filter(campaign=campaign).exists():
        return False
    with transaction.atomic():
        plan = (
            PairPlan.objects.select_for_update(of=("self",))
            .select_related("campaign", "board")
            .get(campaign=campaign)
        )
        if plan.campaign.state != State.OPEN:
            return False
        waiting = plan.campaign.assignments.filter(state="open").exists()
        return waiting or bool(_draw(plan))


def _draw(plan: PairPlan) -> int:
    """Lay out up to one batch; how many items it has."""
    wanted = min(plan.batch, plan.most - plan.laid_out)
    answers = _answers(plan)
    models = sorted({name for by_model in answers.values() for name in by_model})[:MOST_MODELS]
    if wanted <= 0 or len(models) < 2:
        return 0
    if plan.strategy == Strategy.NEAR and plan.newcomer not in models:
        raise ValidationError(
            _("%(model)s has no answer among these prompts. There are: %(models)s.")
            % {"model": plan.newcomer or _("No model"), "models": ", ".join(models)}
        )
    random = np.random.default_rng([plan.seed, plan.campaign_id, plan.laid_out])
    size = max(2, min(plan.campaign.answers, len(models)))
    posterior = _posterior(plan, models)
    used = _used(plan)
    items = []
    for _number in range(wanted):
        drawn = _one(plan, posterior, models, answers, used, size, random)
        if drawn is None:
            break
        item, chosen, pair = drawn
        items.append((item, chosen))
        posterior = posterior.after(pair)
    return _store(plan, items)


def _one(
    plan: PairPlan,
    posterior: Posterior,
    models: list[str],
    answers: dict[int, dict[str, list[int]]],
    used: set[tuple[int, frozenset[str]]],
    size: int,
    random: np.random.Generator,
) -> tuple[tuple[int, list[int], dict[str, float]], tuple[str, ...], tuple[int, int]] | None:
    """One item: a prompt, its answers, and the probability of every pair among its models."""
    newcomer = models.index(plan.newcomer) if plan.newcomer in models else None
    first, second, probability = pair_probabilities(
        Strategy(plan.strategy), posterior, uniform_share=plan.uniform_share, newcomer=newcomer
    )
    # Only pairs that some prompt has answers of can be shown.
    possible = _possible(models, answers, first, second)
    probability = np.where(possible, probability, 0.0)
    if not probability.sum():
        return None
    probability = mix_with_uniform(probability, 0.0)
    for _attempt in range(20):
        at = int(random.choice(len(probability), p=probability))
        pair = (int(first[at]), int(second[at]))
        rest = [other for other in range(len(models)) if other not in pair]
        extra = random.choice(rest, size=size - 2, replace=False).tolist() if size > 2 else []
        names = tuple(models[one] for one in (*pair, *extra))
        fitting = [
            prompt
            for prompt, by_model in answers.items()
            if all(name in by_model for name in names) and (prompt, frozenset(names)) not in used
        ]
        if fitting:
            prompt = fitting[int(random.integers(len(fitting)))]
            used.add((prompt, frozenset(names)))
            shown_answers = [
                answers[prompt][name][int(random.integers(len(answers[prompt][name])))]
                for name in names
            ]
            chances = inclusion(probability, first, second, len(models), size)
            at_pair = {
                (int(a), int(b)): k for k, (a, b) in enumerate(zip(first, second, strict=True))
            }
            kept = {
                pair_key(models[a], models[b]): float(chances[at_pair[a, b]])
                for a, b in combinations(sorted((*pair, *extra)), 2)
            }
            return (prompt, shown_answers, kept), names, pair
    return None


def inclusion(
    probability: np.ndarray, first: np.ndarray, second: np.ndarray, models: int, size: int
) -> np.ndarray:
    """(P,) P(a pair is among the models of an item) where one pair is drawn by `probability` and
    size - 2 further models evenly.

    Given the drawn pair: 1 for itself; (K - 2) / (M - 2) for a pair that shares one model with it;
    (K - 2)(K - 3) / ((M - 2)(M - 3)) for one that shares none.
    """
    if size <= 2:
        return probability
    one = (size - 2) / (models - 2)
    none = one * (size - 3) / (models - 3) if models > 3 else 0.0
    touching = np.bincount(first, probability, models) + np.bincount(second, probability, models)
    shared = touching[first] + touching[second] - 2.0 * probability
    found: np.ndarray = probability + one * shared + none * (1.0 - probability - shared)
    return found


def _possible(
    models: list[str],
    answers: dict[int, dict[str, list[int]]],
    first: np.ndarray,
    second: np.ndarray,
) -> np.ndarray:
    together = np.zeros((len(models), len(models)), dtype=bool)
    at = {name: place for place, name in enumerate(models)}
    for kind in {tuple(sorted(by_model)) for by_model in answers.values()}:
        inside = [at[name] for name in kind if name in at]
        together[np.ix_(inside, inside)] = True
    found: np.ndarray = together[first, second]
    return found


def _answers(plan: PairPlan) -> dict[int, dict[str, list[int]]]:
    """Answers that can be shown: prompt -> model -> ids."""
    rows = Completion.objects.filter(
        prompt_id__in=plan.prompts, has_text=True, retired_at__isnull=True
    )
    if plan.campaign.generators:
        rows = rows.filter(generator__in=plan.campaign.generators)
    found: dict[int, dict[str, list[int]]] = {}
    for prompt, name, pk in rows.order_by("pk").values_list("prompt_id", "generator", "pk"):
        if name:
            found.setdefault(prompt, {}).setdefault(name, []).append(pk)
    return found


def _used(plan: PairPlan) -> set[tuple[int, frozenset[str]]]:
    """Prompts with the models that this campaign showed of them already."""
    shown_before: dict[int, tuple[int, set[str]]] = {}
    rows = ItemCompletion.objects.filter(item__campaign=plan.campaign).values_list(
        "item_id", "item__prompt_id", "completion__generator"
    )
    for item, prompt, name in rows:
        shown_before.setdefault(item, (prompt, set()))[1].add(name)
    return {(prompt, frozenset(names)) for prompt, names in shown_before.values()}


def _posterior(plan: PairPlan, models: list[str]) -> Posterior:
    """What is known of these models: people's votes of the board, else of the campaign itself."""
    cells = _cells(plan, models)
    fit = fit_bradley_terry(cells, prior_sd=PRIOR_SD) if len(cells.count) else None
    if not isinstance(fit, BradleyTerryFit):
        return Posterior(np.zeros(len(models)), PRIOR_SD**2 * np.eye(len(models)))
    return Posterior(fit.strengths, np.linalg.inv(fit.information).astype(np.float64))


def _cells(plan: PairPlan, models: list[str]) -> Cells:
    rows: list[tuple[str, str, float, float]] = []
    inside = set(models)
    if plan.board is not None:
        figures = shown(plan.board).sources.get("human") or {}
        found = figures.get("matrix") or {"models": [], "wins": [], "ties": []}
        names = found["models"]
        for i, j in combinations(range(len(names)), 2):
            if names[i] in inside and names[j] in inside:
                rows += [
                    (names[i], names[j], 1.0, found["wins"][i][j]),
                    (names[i], names[j], 0.0, found["wins"][j][i]),
                    (names[i], names[j], 0.5, found["ties"][i][j]),
                ]
    else:
        battles = _own_votes(plan).battles()
        names = battles.models
        for left, right, score in zip(
            battles.left.tolist(), battles.right.tolist(), battles.score().tolist(), strict=True
        ):
            if names[left] in inside and names[right] in inside:
                rows.append((names[left], names[right], score, 1.0))
    return Cells.from_rows([row for row in rows if row[3]], models=models)


def _own_votes(plan: PairPlan) -> Votes:
    workspace = plan.campaign.workspace
    chosen = JudgementFilter(campaigns=(plan.campaign_id,), sources=("human",))
    reading = Reading()
    for _count in reading.read(*judgements_of(workspace, chosen)):
        pass
    return reading.votes(workspace, ratings_of(workspace, chosen).none())


def _store(plan: PairPlan, drawn: list[Any]) -> int:
    items = Item.objects.bulk_create(
        Item(
            campaign=plan.campaign,
            prompt_id=prompt,
            pair_probability=next(iter(chances.values())) if len(chances) == 1 else None,
        )
        for (prompt, _answers_, chances), _names in drawn
    )
    batch = plan.laid_out // max(1, plan.batch) + 1
    PairDraw.objects.bulk_create(
        PairDraw(item=item, strategy=plan.strategy, batch=batch, probabilities=chances)
        for item, ((_prompt, _ids, chances), _names) in zip(items, drawn, strict=True)
    )
    ItemCompletion.objects.bulk_create(
        ItemCompletion(item=item, completion_id=answer)
        for item, ((_prompt, ids, _chances), _names) in zip(items, drawn, strict=True)
        for answer in ids
    )
    with connection.cursor() as cursor:
        cursor.execute(
            ADD_SLOTS,
            {
                "campaign": plan.campaign_id,
                "overlap": plan.campaign.overlap,
                "items": [item.pk for item in items],
            },
        )
    plan.laid_out += len(items)
    plan.save(update_fields=["laid_out"])
    return len(items)
