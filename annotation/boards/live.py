"""Ratings, win rates and Elo of this moment: the kept counts and the few votes since.

A board of a million votes is counted by a job. Between two counts a page adds the newer votes to
its table of counts and fits again, which takes milliseconds however many came before. What needs
single votes (clustered intervals, slices, robustness) waits for the job; the page says which is
which.
"""

import itertools
from datetime import datetime
from typing import Any

import numpy as np
from django.utils import timezone

from annotation.boards.counts import Counts, KeptCounts
from annotation.boards.definition import Definition
from annotation.boards.figures.counted import leaked
from annotation.boards.marks import Mark, judgements_of
from annotation.boards.read_labels import read_texts, sampled_texts
from annotation.boards.read_votes import Reading
from annotation.boards.votes import SOURCES, Texts, Votes
from annotation.domain.bradley_terry import Anchor, BradleyTerryFit, fit_bradley_terry
from annotation.domain.elo import EloRatings
from annotation.domain.outcomes import OUTCOMES
from annotation.domain.planning import separation
from annotation.domain.uncertainty import Covariance, fisher, intervals, sandwich
from annotation.judgement_filter import JudgementFilter
from annotation.models import BoardReport, Comparison, Ranking
from webapp.workspaces.models import Workspace

# The parts of a board that are of this moment; all others are of the last count.
PARTS = ("ratings", "matrix", "history")


def live_content(
    workspace: Workspace,
    chosen: JudgementFilter,
    definition: Definition,
    report: BoardReport,
    content: dict[str, Any],
) -> dict[str, Any] | None:
    """The report's content with PARTS of this moment.

    None where that cannot be: votes are weighted or ties have a model of their own, a source or a
    judgement cannot be told apart from what was counted, or the models can no longer be rated.
    """
    if definition.ties != "half" or not report.counts:
        return None
    mark = Mark(**report.mark)
    added = _added(workspace, chosen, definition, mark, report.votes)
    gone = _gone(workspace, chosen, mark, report.computed_at)
    if gone is None:
        return None
    kept = KeptCounts.from_bytes(bytes(report.counts))
    skipped = np.isin(gone["vote"], kept.skipped)
    if bool((gone["vote"][skipped] < 0).any()):
        return None  # of a ranking some pairs were left out and some were not
    gone = gone.keep(~skipped & ~gone["repeat"])
    sources = dict(content["sources"])
    for code, source in enumerate(SOURCES):
        more, less = (each.keep(each["source"] == code) for each in (added, gone))
        if not len(more) and not len(less):
            continue
        if source not in sources or source not in kept.sources:
            return None
        counts = kept.sources[source].plus(more).plus(less, -1).met()
        figures = _figures(sources[source], counts, definition, source, more, bool(len(less)))
        if figures is None:
            return None
        sources[source] = figures
    return {**content, "sources": sources}


def _added(
    workspace: Workspace,
    chosen: JudgementFilter,
    definition: Definition,
    mark: Mark,
    counted: int,
) -> Votes:
    comparisons, rankings = judgements_of(workspace, chosen)
    reading = Reading()
    for _seen in reading.read(
        comparisons.filter(pk__gt=mark.comparisons), rankings.filter(pk__gt=mark.rankings)
    ):
        pass
    votes = reading.unnamed()
    votes = votes.keep(~votes["repeat"])
    if definition.drop_leaked and len(votes):
        texts = read_texts(Texts(), sampled_texts(votes, counted + len(votes)))
        votes = Votes(votes.columns, votes.names, texts)
        votes = votes.keep(~leaked(votes))
    return votes


def _gone(
    workspace: Workspace, chosen: JudgementFilter, mark: Mark, computed_at: datetime
) -> Votes | None:
    """Counted judgements that were corrected or withdrawn since; None where one of them may have
    gone while the votes were being read, so that nobody knows whether it was counted."""
    begun = datetime.fromtimestamp(mark.at, tz=timezone.get_default_timezone())
    ids: dict[type, list[int]] = {}
    for model, newest in ((Comparison, mark.comparisons), (Ranking, mark.rankings)):
        rows = model._default_manager.filter(prompt__workspace=workspace)
        left = rows.filter(pk__lte=newest, withdrawn_at__gte=begun)
        corrections = rows.filter(pk__gt=newest, supersedes__isnull=False)
        found = [*left.values_list("pk", "withdrawn_at")]
        found += [
            (pk, at)
            for pk, at in corrections.values_list("supersedes_id", "created_at")
            if pk <= newest
        ]
        if any(at <= computed_at for _pk, at in found):
            return None
        ids[model] = [pk for pk, _at in found]
    reading = Reading()
    comparisons = chosen.apply(Comparison.objects.filter(pk__in=ids[Comparison]), gone=True)
    rankings = chosen.apply(Ranking.objects.filter(pk__in=ids[Ranking]), gone=True)
    if ids[Comparison] or ids[Ranking]:
        for _seen in reading.read(comparisons, rankings):
            pass
    return reading.unnamed()


def _figures(
    before: dict[str, Any],
    counts: Counts,
    definition: Definition,
    source: str,
    added: Votes,
    corrected: bool,
) -> dict[str, Any] | None:
    if before["ratings"]["state"] != "rated":
        return None
    cells = counts.cells()
    fit = fit_bradley_terry(
        cells, position_effect=definition.position, prior_sd=definition.prior_sd
    )
    if not isinstance(fit, BradleyTerryFit):
        return None
    covariance: Covariance | None = None
    if definition.interval == "fisher":
        covariance = fisher(fit)
    elif definition.interval == "sandwich":
        covariance = sandwich(fit, cells)
    rating = {
        **before["ratings"],
        "votes": counts.votes(),
        "models": len(counts.models),
        "position_effect": fit.position_effect,
        "log_likelihood": fit.log_likelihood,
        "rows": _rows(before["ratings"]["rows"], counts, fit, covariance, definition),
    }
    wins, ties = counts.wins_and_ties()
    matrix = {
        **before["matrix"],
        "models": list(counts.models),
        "wins": wins.tolist(),
        "ties": ties.tolist(),
    }
    history = before["history"]
    if history and not corrected:
        history = _history(history, counts, definition, added)
    return {**before, "ratings": rating, "matrix": matrix, "history": history}


def _rows(
    before: list[dict[str, Any]],
    counts: Counts,
    fit: BradleyTerryFit,
    covariance: Covariance | None,
    definition: Definition,
) -> list[dict[str, Any]]:
    """Best first. Without a covariance of this moment each interval is the counted one."""
    known = {row["model"]: row for row in before}
    followed = {one["model"]: two["model"] for one, two in itertools.pairwise(before)}
    anchor = None
    if definition.anchor in fit.models:
        anchor = Anchor(definition.anchor, definition.anchor_rating)
    points, shares = fit.ratings(anchor), counts.shares()
    rows = []
    for name in fit.models:
        n, ties, both_bad = shares[name]
        row = {"prompts": None, "annotators": None, **known.get(name, {"model": name})}
        rows.append(
            row | {"rating": points[name], "votes": n, "tie_rate": ties, "both_bad_rate": both_bad}
        )
    if covariance is not None:
        options: dict[str, Any] = {"level": definition.level, "anchor": anchor}
        single = intervals(fit, covariance, **options)
        together = intervals(fit, covariance, simultaneous=True, **options)
        for row, own, joint in zip(rows, single, together, strict=True):
            row |= {"low": own.low, "high": own.high, "set_low": joint.low, "set_high": joint.high}
            row |= {"best_rank": joint.best_rank, "worst_rank": joint.worst_rank}
    rows.sort(key=lambda row: (-row["rating"], row["model"]))
    strengths = dict(zip(fit.models, fit.strengths.tolist(), strict=True))
    for row, following in itertools.pairwise(rows):
        one, other = row["model"], following["model"]
        if covariance is not None:
            row["next"] = vars(
                separation(
                    strengths, covariance, one, other, counts.votes(), level=definition.level
                )
            )
        elif followed.get(one) != other:
            row.pop("next", None)  # it was said of another neighbour
    if rows:
        rows[-1].pop("next", None)
    return rows


def _history(
    before: dict[str, Any], counts: Counts, definition: Definition, added: Votes
) -> dict[str, Any]:
    """Elo goes on with the votes since, each at the same small cost."""
    state = before["state"]
    elo = EloRatings(k=definition.elo_k, ratings=dict(counts.elo), votes=state["votes"])
    names = added.names.models
    for row in np.lexsort((np.abs(added["vote"]), added["at"])).tolist():
        left, right = names[added["left"][row]], names[added["right"][row]]
        elo.record(left, right, OUTCOMES[int(added["outcome"][row])].value)
    ends = sorted(elo.ratings, key=lambda name: (-elo.ratings[name], name))
    return {
        **before,
        "votes": [*before["votes"], elo.votes],
        "lines": [
            {**line, "ratings": [*line["ratings"], round(elo.ratings[line["model"]], 3)]}
            for line in before["lines"]
        ],
        "ends": [{"model": name, "elo": elo.ratings[name]} for name in ends],
        "state": {"ratings": elo.ratings, "votes": elo.votes},
    }
