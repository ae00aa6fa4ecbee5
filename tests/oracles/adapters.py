"""Where the product's own functions meet the oracles: one function per topic, named like it.

An adapter takes a case's `input` and returns an object with at least the keys of `expected`.
It only reshapes; the figure comes from the function that the product itself calls. Heavy libraries
are imported inside the adapter that needs them, so that a topic can be checked without the others.
"""

import math
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

# ---- annotation/domain: judgements, ratings, agreement


def bt_sigmoid(case: dict[str, Any]) -> dict[str, Any]:
    from annotation.domain.bradley_terry import pair_loss, win_probability

    first, second = case["r1"], case["r2"]
    return {"p": win_probability(first, second), "loss": pair_loss(first, second)}


def bt_mle(case: dict[str, Any]) -> dict[str, Any]:
    from annotation.domain.battles import Cells
    from annotation.domain.bradley_terry import Anchor, BradleyTerryFit, fit_bradley_terry
    from annotation.domain.uncertainty import fisher

    fit = fit_bradley_terry(
        Cells.from_rows(case["wins"]), position_effect=case.get("position_effect", False)
    )
    if not isinstance(fit, BradleyTerryFit):
        return {"mle_exists": False}
    strengths = dict(zip(fit.models, fit.strengths, strict=True))
    worths = {name: math.exp(value) for name, value in strengths.items()}
    anchor = Anchor(**case["anchor"]) if case.get("anchor") else None
    return {
        "mle_exists": True,
        "lambda_centered": strengths,
        "elo_scale_mean1000": fit.ratings(),
        "elo_scale_anchored": fit.ratings(anchor),
        "loglik": fit.log_likelihood,
        "power_geomean1": worths,
        "abilities_sum1": {name: value / sum(worths.values()) for name, value in worths.items()},
        "first_position_effect": fit.position_effect,
        "position_effect_se": fisher(fit).position_se,
    }


def bt_ties(case: dict[str, Any]) -> dict[str, Any]:
    from annotation.domain.tie_models import Tallies, TieFit, TieModel, fit_with_ties

    fit = fit_with_ties(Tallies.from_rows(case["counts"]), TieModel(case["model"]))
    if not isinstance(fit, TieFit):
        return {"mle_exists": False}
    return {"pi": fit.worths(), "tie_param": fit.tie_parameter, "loglik": fit.log_likelihood}


def bt_uncertainty(case: dict[str, Any]) -> dict[str, Any]:
    import numpy as np

    from annotation.domain.battles import Battles, Cells
    from annotation.domain.bradley_terry import BradleyTerryFit, fit_bradley_terry
    from annotation.domain.outcomes import Outcome
    from annotation.domain.uncertainty import (
        Covariance,
        clustered,
        fisher,
        intervals,
        rank_bounds,
        sandwich,
    )

    if "intervals" in case:
        low, high = np.array(list(case["intervals"].values()), dtype=float).T
        ranks = rank_bounds(low, high)[0]
        return {"approx_rank": dict(zip(case["intervals"], ranks.tolist(), strict=True))}
    if "rows_count" in case:
        first, second = case["models"]
        won, lost = case["rows_count"].values()
        cells = Cells.from_rows([(first, second, 1.0, won), (first, second, 0.0, lost)])
        fit = fit_bradley_terry(cells)
        assert isinstance(fit, BradleyTerryFit)
        return {
            "contrast_se_model": fisher(fit).contrast_se(first, second),
            "contrast_se_sandwich": sandwich(fit, cells).contrast_se(first, second),
            "centered_se": float(fisher(fit).standard_errors()[0]),
        }
    left, right, score, annotator = zip(*case["rows"], strict=True)
    outcome = [{1.0: Outcome.LEFT, 0.0: Outcome.RIGHT, 0.5: Outcome.TIE}[one] for one in score]
    battles = Battles.from_columns(left, right, outcome, annotator=annotator, models=case["models"])
    fit = fit_bradley_terry(battles.cells())
    assert isinstance(fit, BradleyTerryFit)
    assert battles.annotator is not None
    found = {
        "model": fisher(fit),
        "sandwich": sandwich(fit, battles.cells()),
        "cluster": clustered(fit, battles, battles.annotator, small_sample=False),
    }

    def errors(covariance: Covariance) -> dict[str, Any]:
        others = [name for name in fit.models if name != case["ref"]]
        return {
            "contrast_se": {name: covariance.contrast_se(name, case["ref"]) for name in others},
            "centered_se": dict(zip(fit.models, covariance.standard_errors(), strict=True)),
        }

    plain = intervals(fit, found["sandwich"])
    together = intervals(fit, found["sandwich"], simultaneous=True)
    return {kind: errors(covariance) for kind, covariance in found.items()} | {
        "lambda_centered": dict(zip(fit.models, fit.strengths, strict=True)),
        "ci95_sandwich_400scale": {row.model: [row.low, row.high] for row in plain},
        "approx_rank": {row.model: row.best_rank for row in plain},
        "approx_rank_simultaneous": {row.model: row.best_rank for row in together},
    }


def ranking_expansion(case: dict[str, Any]) -> dict[str, Any]:
    from annotation.domain.preferences import Ballot, pairs_of_ranking, parse_ranking

    ranking = parse_ranking(case["ranking"])
    pairs = pairs_of_ranking(ranking, Ballot(prompt="p", group="g"))
    return {
        "tiers": [sorted(tier) for tier in ranking.tiers],
        "pairs": sorted([pair.chosen, pair.rejected] for pair in pairs if not pair.tied),
        "ties": sorted(sorted([pair.chosen, pair.rejected]) for pair in pairs if pair.tied),
        "K": len(ranking.items),
        "n_total": len(pairs),
    }


def elo_online(case: dict[str, Any]) -> dict[str, float]:
    from annotation.domain.elo import elo_ratings

    names = {"init": "start"}
    options = {names.get(name, name): case[name] for name in case if name != "battles"}
    return elo_ratings(map(tuple, case["battles"]), **options)


def winrate_matrix(case: dict[str, Any]) -> dict[str, Any]:
    from annotation.domain.battles import Battles
    from annotation.domain.win_rates import TiePolicy, win_rate_matrix

    columns = zip(*case["battles"], strict=True) if case["battles"] else ((), (), ())
    found = win_rate_matrix(Battles.from_columns(*columns), TiePolicy(case["ties"]))
    names = found.models
    cells = {row: {column: found.cell(row, column) for column in names} for row in names}
    return {
        "matrix": {row: {name: at.rate for name, at in cells[row].items()} for row in names},
        "counts": {row: {name: at.n for name, at in cells[row].items()} for row in names},
        "average": found.average(),
    }


def winrate_ci(case: dict[str, Any]) -> dict[str, Any]:
    from dataclasses import asdict

    from annotation.domain.proportions import wilson_centre, wilson_interval
    from annotation.domain.reference_win_rates import reference_win_rate

    if case["kind"] == "alpaca":
        return asdict(reference_win_rate(case["preferences"]))
    question = (case["wins"], case["n"], case["alpha"])
    low, high = wilson_interval(*question)
    return {"low": low, "high": high, "center": wilson_centre(*question)}


def lc_winrate(case: dict[str, Any]) -> dict[str, Any]:
    import numpy as np

    from annotation.domain.reference_win_rates import length_controlled_win_rate

    difficulty = case.get("difficulty")
    found = length_controlled_win_rate(
        np.array(case["pref"], dtype=float),
        np.array(case["len_model"], dtype=float),
        np.array(case["len_base"], dtype=float),
        difficulty=None if difficulty is None else np.array(difficulty, dtype=float),
    )
    return {"raw": found.raw, "lc": found.controlled, "coef": found.coefficients}


lc_winrate_real = lc_winrate


def style_control(case: dict[str, Any]) -> dict[str, Any]:
    import numpy as np

    from annotation.domain.style_control import fit_style_controlled

    battles = case["battles"]
    models = sorted({battle[side] for battle in battles for side in "ab"})
    found = fit_style_controlled(
        models,
        np.array([models.index(battle["a"]) for battle in battles]),
        np.array([models.index(battle["b"]) for battle in battles]),
        np.array([battle["score_a"] for battle in battles], dtype=float),
        np.array([battle["style_a"] for battle in battles], dtype=float),
        np.array([battle["style_b"] for battle in battles], dtype=float),
    )
    return {"ratings": found.ratings, "coef": list(found.coefficients.values())}


def sample_size(case: dict[str, Any]) -> dict[str, Any]:
    from annotation.domain.planning import (
        probability_of_gap,
        votes_for_gap,
        votes_for_half_width,
        votes_for_power,
    )

    if case["kind"] == "ci":
        return {"n": votes_for_half_width(case["p"], case["half_width"], case["alpha"])}
    options = {"power": case["power"], "alpha": case["alpha"]}
    if case["kind"] == "power":
        return {"n": votes_for_power(case["p1"], **options)}
    return {"p": probability_of_gap(case["gap"]), "n": votes_for_gap(case["gap"], **options)}


def active_sampling(case: dict[str, Any]) -> dict[str, Any]:
    import numpy as np

    from annotation.domain.pair_selection import (
        arena_probabilities,
        fisher_information,
        information_gains,
    )

    if case["kind"] == "arena":
        pairs = case["pairs"]
        votes = np.array([pair["n"] for pair in pairs.values()], dtype=float)
        chances = np.array([pair["p"] for pair in pairs.values()], dtype=float)
        found = arena_probabilities(votes, chances, case["eps"])
        return {"prob": dict(zip(pairs, found, strict=True))}
    strengths = np.array(case["lam"], dtype=float)
    first, second = np.array([[int(end) for end in pair.split("-")] for pair in case["n"]]).T
    votes = np.array(list(case["n"].values()), dtype=float)
    information = fisher_information(strengths, first, second, votes)
    gains = information_gains(strengths, first, second, np.linalg.pinv(information))
    rows = zip(case["n"], gains.log_det, gains.trace, strict=True)
    return {pair: {"logdet_gain": log, "trace_reduction": trace} for pair, log, trace in rows}


def judge_agreement(case: dict[str, Any]) -> dict[str, Any]:
    from annotation.domain.judges import JudgedPair
    from annotation.domain.judges import judge_agreement as count

    fields = ("question", "turn", "model_a", "model_b", "judge", "winner")
    votes = [JudgedPair(*(vote[field] for field in fields)) for vote in case["votes"]]
    found = count(votes, case["judge1"], case["judge2"], without_ties=case["ban_ties"])
    return {"agree": found.agree, "total": found.total}


def judge_swap(case: dict[str, Any]) -> dict[str, Any]:
    from annotation.domain.judges import SwappedGame, swap_report

    found = swap_report([SwappedGame(*game) for game in case["games"]])
    fields = ("win", "loss", "tie", "win_rate", "win_rate_adjusted")
    return {
        "n_valid": found.n_valid,
        "consistency": found.consistency,
        "first_position_rate": found.first_position_rate,
        "models": {
            name: {field: getattr(tally, field) for field in fields}
            for name, tally in found.models.items()
        },
    }


def judge_parse(case: dict[str, Any]) -> dict[str, Any]:
    from annotation.domain.verdicts import VerdictFormat, fastchat_verdict, strict_verdict

    form = VerdictFormat(case["format"])
    return {
        "fastchat": fastchat_verdict(case["text"], form),
        "strict": strict_verdict(case["text"], form),
    }


def prometheus_parse(case: dict[str, Any]) -> dict[str, Any]:
    from annotation.domain.verdicts import prometheus_choice, prometheus_score

    read = prometheus_score if case["mode"] == "absolute" else prometheus_choice
    return {"value": read(case["text"])}


def mtbench_single(case: dict[str, Any]) -> dict[str, Any]:
    from annotation.domain.verdicts import TurnScore, single_scores

    rows = [TurnScore(row["category"], row["turn"], row["score"]) for row in case["rows"]]
    found = single_scores(rows)
    return {
        "turn1": found.by_turn.get(1),
        "turn2": found.by_turn.get(2),
        "average": found.average,
        "by_category": found.by_category,
        "n_invalid": found.n_invalid,
    }


def kappas(case: dict[str, Any]) -> dict[str, Any]:
    from annotation.domain.agreement import Weights, cohen_kappa, fleiss_kappa

    if case["kind"] == "fleiss":
        found = fleiss_kappa(case["counts"])
    else:
        found = cohen_kappa(
            case["a"],
            case["b"],
            weights=Weights(case.get("weights") or "none"),
            categories=case.get("categories"),
        )
    return {"kappa": found.value, "agreement": found.agreement}


def krippendorff_alpha(case: dict[str, Any]) -> dict[str, Any]:
    from annotation.domain.agreement import Level
    from annotation.domain.agreement import krippendorff_alpha as alpha

    units = list(zip(*case["data"], strict=True))
    return {"alpha": alpha(units, Level(case["level"])).value}


def aggregation(case: dict[str, Any]) -> dict[str, Any]:
    from annotation.domain.aggregation import aggregate_rankings, plurality
    from annotation.domain.preferences import parse_ranking

    if "votes" in case:
        return {"majority": plurality(case["votes"])}
    found = aggregate_rankings([parse_ranking(ballot) for ballot in case["ballots"]])
    return {
        "borda": found.borda,
        "copeland": found.copeland,
        "kemeny": [list(order) for order in found.kemeny],
        "kemeny_cost": found.kemeny_cost,
        "condorcet": found.condorcet,
        "majority": {f"{a}|{b}": sign for (a, b), sign in found.majority.items()},
    }


def dawid_skene(case: dict[str, Any]) -> dict[str, Any]:
    from annotation.domain.dawid_skene import dawid_skene as estimate

    found = estimate([tuple(row) for row in case["labels"]])

    def by_label(values: Any) -> dict[Any, float]:
        return dict(zip(found.labels, values, strict=True))

    return {
        "posterior": {
            item: by_label(row) for item, row in zip(found.items, found.posterior, strict=True)
        },
        "prior": by_label(found.prior),
        "confusion": {
            rater: {truth: by_label(row) for truth, row in zip(found.labels, table, strict=True)}
            for rater, table in zip(found.raters, found.confusion, strict=True)
        },
        "loglik": found.log_likelihood,
    }


def anomalous_voter(case: dict[str, Any]) -> dict[str, Any]:
    from annotation.domain.annotator_quality import anomalous_voter as detect

    votes = [tuple(vote) for vote in case["votes"]]
    found = detect(case["history"], votes, case["checkpoints"], alpha=case["alpha"])
    return {
        "p": list(found.p),
        "M": found.statistic,
        "threshold": found.threshold,
        "flag": found.flagged,
    }


def fairness(case: dict[str, Any]) -> dict[str, Any]:
    from annotation.domain.fairness import fairness as report

    found = report(case["y"], case["pred"], case["group"])
    return {
        "dpd": found.demographic_parity_difference,
        "eod": found.equalized_odds_difference,
    }


def toxicity_bias(case: dict[str, Any]) -> dict[str, Any]:
    from annotation.domain.toxicity import ScoredText, classifier_bias

    rows = [ScoredText(row["group"], row["label"], row["score"]) for row in case["rows"]]
    found = classifier_bias(rows, target=case["target"], reference=case["reference"])
    return {
        "groups": {
            name: {
                "n": group.n,
                "acc": group.accuracy,
                "f1": group.f1,
                "fpr": group.false_positives.value,
                "flag_rate": group.flag_rate,
            }
            for name, group in found.groups.items()
        },
        "fpr_gap": found.gap,
        "fpr_ratio": found.ratio,
        "pearson_label": found.label_correlation,
        "pearson_pred": found.flag_correlation,
    }


def toxicity_generation(case: dict[str, Any]) -> dict[str, Any]:
    from annotation.domain.toxicity import ScoredPrompt, toxicity_by_prompt

    prompts = [ScoredPrompt(row["prompt_toxicity"], row["scores"]) for row in case["prompts"]]
    return {
        name: {
            "n": found.n,
            "excluded": found.excluded,
            "expected_max": found.expected_maximum,
            "sd_max": found.sd_maximum,
            "prob_ge": found.probability,
            "prob_gt": found.probability_above,
        }
        for name, found in toxicity_by_prompt(prompts).items()
    }


def rag_metrics(case: dict[str, Any]) -> dict[str, Any]:
    from annotation.domain.retrieval import retrieval_scores

    found = retrieval_scores(case["ranked"], case["relevant"], case["k"])
    return {
        "recall": found and found.recall,
        "precision": found and found.precision,
        "mrr": found and found.reciprocal_rank,
        "ndcg": found and found.ndcg,
    }


def benchmark_mc(case: dict[str, Any]) -> dict[str, Any]:
    from annotation.domain.multiple_choice import Question, multiple_choice_scores

    found = multiple_choice_scores(
        [Question(item["choices"], item["loglik"], item["gold"]) for item in case["items"]]
    )
    return {
        "acc": found.accuracy,
        "acc_norm": found.accuracy_per_character,
        "acc_bytes": found.accuracy_per_byte,
        "stderr": found.standard_error,
    }


# ---- annotation/imports: cleaning, conversion, text similarity


def sharegpt_clean(case: dict[str, Any]) -> dict[str, Any]:
    from annotation.domain.conversation_cleaning import Code, clean_conversation

    turns = [(turn["from"], turn["value"]) for turn in case["conversation"]]
    cleaned = clean_conversation(turns, html=True)
    if cleaned.code is not Code.OK:
        return {"code": int(cleaned.code), "n_turns": None, "turns": None}
    texts = [text for _, text in cleaned.turns]
    return {"code": 0, "n_turns": len(texts), "turns": texts}


def sharegpt_dedupe(case: dict[str, Any]) -> dict[str, Any]:
    from annotation.domain.repeated_conversations import Sample, dedupe_conversations

    samples = [Sample(s["id"], s["q"], s["r"], s["plugins"]) for s in case["samples"]]
    kept, _ = dedupe_conversations(samples)
    return {"kept": [samples[position].id for position in kept]}


def optional_clean(case: dict[str, Any]) -> dict[str, Any]:
    from annotation.domain import conversation_cleaning as cleaning

    if case["kind"] == "special_token":
        return {"text": cleaning.break_special_token(case["text"], case["token"])}
    rules = {
        "reduce_rep": cleaning.repeats_a_digit,
        "wrong_format": cleaning.restarts_its_list,
    }
    return {"drop": rules[case["kind"]](case["text"])}


def conversation_split(case: dict[str, Any]) -> dict[str, Any]:
    from annotation.domain.conversation_split import split_conversation

    split = split_conversation(
        case["turn_token_lengths"],
        case["max_length"],
        per_turn_overhead=case["per_turn_overhead"],
    )
    return {"chunks": split.chunks, "overlong": split.overlong}


def pii_redact(case: dict[str, Any]) -> dict[str, Any]:
    from annotation.domain.personal_data import find_personal_data

    text = case["text"]
    spans = find_personal_data(text)
    return {"spans": [[span.kind.value, text[span.start : span.end]] for span in spans]}


def distribution_compare(case: dict[str, Any]) -> dict[str, Any]:
    from dataclasses import asdict

    from annotation.domain.distribution_compare import compare_distributions

    return asdict(compare_distributions(case["a"], case["b"]))


def instruction_convert(case: dict[str, Any]) -> dict[str, Any]:
    from annotation.domain.conversion.recipes import Recipe
    from annotation.domain.conversion.templates import Template

    recipe = Recipe(
        (Template("case", case["template"]),),
        answers=case["label_map"],
        with_options=bool(case.get("options")),
    )
    made = recipe.convert(case["record"])[0].converted
    return {"input": made.input, "target": made.target}


def rouge_l(case: dict[str, Any]) -> dict[str, Any]:
    from annotation.domain import text_similarity

    score = text_similarity.rouge_l(case["target"], case["pred"])
    return {"p": score.precision, "r": score.recall, "f": score.f}


def novelty_gate(case: dict[str, Any]) -> dict[str, Any]:
    from annotation.domain.novelty_gate import NoveltyGate

    gate = NoveltyGate(case["threshold"], case["rule"], pool=case["pool"])
    verdicts = [gate.admit(text, exact=True) for text in case["candidates"]]
    accepted = [position for position, verdict in enumerate(verdicts) if verdict.novel]
    return {"accepted": accepted, "max": [verdict.score for verdict in verdicts]}


def selfinstruct_filter(case: dict[str, Any]) -> dict[str, Any]:
    from annotation.domain import self_instruct

    if case.get("kind") == "encode_prompt":
        prompt = self_instruct.encode_prompt(
            case["instructions"], classification=case["classification"]
        )
        return {"prompt": prompt}
    return {"instructions": self_instruct.filter_instructions(case["text"], case["finish_reason"])}


def selfinstruct_instances(case: dict[str, Any]) -> dict[str, Any]:
    from annotation.domain.self_instruct import parse_instances

    found = parse_instances(
        case["raw"],
        case["instruction"],
        is_classification=case["is_classification"],
        finish_reason=case["finish_reason"],
    )
    return {"instances": sorted(map(list, found))}  # the cases are sorted: order means nothing


def refusal_scoring(case: dict[str, Any]) -> dict[str, Any]:
    from dataclasses import asdict

    from annotation.domain.abstention import Reply, score_abstention

    return asdict(score_abstention([Reply(**row) for row in case["rows"]]))


def prompt_map(case: dict[str, Any]) -> dict[str, Any]:
    from annotation.domain import prompt_map

    if case["kind"] == "trustworthiness":
        return {"value": prompt_map.trustworthiness(case["X"], case["Y"], case["k"])}
    found = prompt_map.calibrate(case["sq_distances"], case["perplexity"])
    return {"beta": found.beta, "p": found.p}


# ---- training/algorithms: losses, advantages, KL, sampling


def _tensor(values: Any) -> Any:
    import torch

    return torch.tensor(values, dtype=torch.float64)


def _tiers(ranking: str) -> dict[str, int]:
    groups = [part.split("=") for part in ranking.replace(" ", "").split(">")]
    return {name: tier for tier, names in enumerate(groups) for name in names}


def sft_loss(case: dict[str, Any]) -> dict[str, Any]:
    import torch

    from training.algorithms import sft

    ids = torch.tensor(case["ids"])
    lengths = (torch.tensor(case["prompt_len"]), torch.tensor(case["seq_len"]))
    mask = sft.loss_mask(*lengths, ids.shape[1])
    loss = sft.sft_loss(_tensor(case["logits"]), ids, mask)
    return {
        "n_target_tokens": loss.target_tokens,
        "mean": loss.mean,
        "per_example": loss.per_example,
        "ppl": loss.perplexity,
        "seq_logps": loss.sequence_logps,
    }


def rm_loss(case: dict[str, Any]) -> dict[str, Any]:
    import torch

    from training.algorithms import reward_loss

    if case["kind"] == "kwise":
        tiers = [_tiers(prompt["ranking"]) for prompt in case["prompts"]]
        rewards = [
            _tensor([prompt["rewards"][name] for name in names]).requires_grad_()
            for prompt, names in zip(case["prompts"], tiers, strict=True)
        ]
        loss, per_prompt = reward_loss.kwise_batch_loss(
            rewards, [torch.tensor(list(t.values())) for t in tiers], case["tie_policy"]
        )
        loss.backward()
        gradients = [
            dict(zip(names, row.grad, strict=True))
            for names, row in zip(tiers, rewards, strict=True)
        ]
        return {"loss": loss.detach(), "per_prompt": per_prompt.detach(), "grad": gradients}
    if case["kind"] == "oasst_l2":
        rewards = [_tensor(case["rewards_best_to_worst"])]
        return {"loss": reward_loss.oasst_loss(rewards, case["beta"])}
    chosen = _tensor(case["r_chosen"]).requires_grad_()
    rejected = _tensor(case["r_rejected"])
    if case["kind"] == "center":
        return {
            "loss": reward_loss.pairwise_loss(chosen, rejected, center_coef=case["coef"]).detach()
        }
    margin = reward_loss.margin_for(case["label"], case["scale"])
    loss = reward_loss.pairwise_loss(chosen, rejected, margins=margin)
    loss.backward()
    return {"margin": margin, "loss": loss.detach(), "dloss_dchosen": chosen.grad}


def rm_metrics(case: dict[str, Any]) -> dict[str, Any]:
    from dataclasses import asdict

    from training.algorithms import reward_metrics

    if case.get("kind") == "section":
        subsets = {name: (row["n"], row["acc"]) for name, row in case["subsets"].items()}
        weighted, macro = reward_metrics.section_means(subsets)
        return {"weighted": weighted, "macro": macro}
    pairs = [
        reward_metrics.RewardPair(row["r_a"], row["r_b"], row["preferred"], row["label"])
        for row in case["pairs"]
    ]
    return asdict(reward_metrics.reward_report(pairs, case.get("n_bins", 10)))


def dpo_loss(case: dict[str, Any]) -> dict[str, Any]:
    from training.algorithms import dpo

    chosen = _tensor(case["pi_chosen"]).requires_grad_()
    rejected = _tensor(case["pi_rejected"]).requires_grad_()
    result = dpo.dpo_loss(
        chosen,
        rejected,
        _tensor(case["ref_chosen"]),
        _tensor(case["ref_rejected"]),
        beta=case["beta"],
        variant=case["variant"],
        label_smoothing=case["label_smoothing"],
    )
    result.loss.backward()
    return {
        "losses": result.losses.detach(),
        "loss": result.loss.detach(),
        "reward_chosen": result.chosen_rewards,
        "reward_rejected": result.rejected_rewards,
        "accuracy": result.accuracy,
        "margin": result.margin,
        "grad_chosen": chosen.grad,
        "grad_rejected": rejected.grad,
    }


def gae(case: dict[str, Any]) -> dict[str, Any]:
    import torch

    from training.algorithms import advantages

    adv, returns = advantages.gae(
        _tensor([case["rewards"]]),
        _tensor([case["values"]]),
        torch.tensor([case["length"]]),
        gamma=case["gamma"],
        lam=case["lam"],
        bootstrap=_tensor([case.get("bootstrap", 0.0)]),
    )
    return {"adv": adv[0], "returns": returns[0]}


def whiten(case: dict[str, Any]) -> dict[str, Any]:
    from training.algorithms import advantages

    y = advantages.whiten(
        _tensor(case["x"]),
        _tensor(case["mask"]),
        shift_mean=case["shift_mean"],
        variance=case["variant"],
    )
    return {"y": y}


def rlhf_rewards(case: dict[str, Any]) -> dict[str, Any]:
    import torch

    from training.algorithms import ppo, rewards

    if case.get("kind") == "ptx":
        nll = rewards.ptx_loss(_tensor(case["pretrain_token_logps"]))
        policy = _tensor(case["ppo_loss"])
        return {
            "loss": ppo.total_loss(policy, 0.0, ptx=nll, value_coef=0.0, ptx_coef=case["gamma"])
        }
    logps, ref_logps = _tensor([case["logp"]]), _tensor([case["logref"]])
    lengths = torch.tensor([case["length"]])
    scores = rewards.penalise_missing_eos(
        _tensor([case["score"]]),
        torch.tensor([case["ended_with_eos"]]),
        case["missing_eos_penalty"] or 0.0,
    )
    beta = case["beta"]
    row = rewards.token_rewards(scores, logps, ref_logps, lengths, kl_coef=beta)[0]
    mask = rewards.completion_mask(lengths, logps.shape[1])
    whole = rewards.sequence_rewards(scores, logps, ref_logps, mask, kl_coef=beta)[0]
    return {"rewards": row, "total": row.sum(), "sequence_total": whole}


def ppo_loss(case: dict[str, Any]) -> dict[str, Any]:
    from training.algorithms import ppo

    logps = _tensor([case["logp"]]).requires_grad_()
    values = _tensor([case["v"]]).requires_grad_()
    mask = _tensor([case["mask"]])
    policy = ppo.policy_loss(
        logps, _tensor([case["old_logp"]]), _tensor([case["adv"]]), mask, clip_range=case["clip"]
    )
    value = ppo.value_loss(
        values,
        _tensor([case["v_old"]]),
        _tensor([case["ret"]]),
        mask,
        clip_range=case["vf_clip"],
    )
    total = ppo.total_loss(
        policy.loss,
        value.loss,
        case.get("entropy", 0.0),
        value_coef=case["vf_coef"],
        entropy_coef=case.get("ent_coef", 0.0),
    )
    total.backward()
    return {
        "pg": policy.loss.detach(),
        "vf": value.loss.detach(),
        "total": total.detach(),
        "ratio": policy.ratio[0],
        "clipfrac": policy.clip_fraction,
        "vf_clipfrac": value.clip_fraction,
        "approxkl": policy.approx_kl,
        "grad_logp": logps.grad[0],
        "grad_v": values.grad[0],
    }


def entropy(case: dict[str, Any]) -> dict[str, Any]:
    from training.algorithms import logprobs

    logits, mask = _tensor(case["logits"]), _tensor(case["mask"])
    return {"per": logprobs.token_entropy(logits), "mean": logprobs.mean_entropy(logits, mask)}


def reinforce(case: dict[str, Any]) -> dict[str, Any]:
    import torch

    from training.algorithms import advantages, logprobs, ppo

    rewards = _tensor(case["rewards"])
    if "logits" in case:
        logits = _tensor(case["logits"]).requires_grad_()
        logps = logprobs.selective_log_softmax(logits, torch.tensor(case["tokens"]))
        loss = ppo.reinforce_loss(logps, rewards)
        loss.backward()
        return {"loss": loss.detach(), "grad": logits.grad}
    logps = _tensor(case["seq_logps"])
    kinds = {"none": "no_baseline", "mean": "mean_baseline", "leave_one_out": "rloo"}
    by_kind = {kind: advantages.baseline_advantages(rewards, kind) for kind in kinds}
    losses = {
        f"loss_{kinds[kind]}": ppo.reinforce_loss(logps, adv, count=len(logps))
        for kind, adv in by_kind.items()
    }
    return {**losses, "adv_rloo": by_kind["leave_one_out"]}


def kl_tokens(case: dict[str, Any]) -> dict[str, Any]:
    import torch

    from training.algorithms import kl

    result = kl.token_kl(
        _tensor(case["policy_logits"]),
        _tensor(case["ref_logits"]),
        torch.tensor(case["tokens"]),
        _tensor(case["mask"]),
    )
    return {
        "per_token_kl": result.exact,
        "per_token_logratio": result.log_ratio,
        "sum_kl": result.exact_sum,
        "sum_logratio": result.log_ratio_sum,
        "mean_kl": result.exact_mean,
    }


def kl_estimators(case: dict[str, Any]) -> dict[str, Any]:
    from training.algorithms import kl

    if case["kind"] == "expectation":
        return kl.expected_estimates(case["p"], case["q"])
    per = kl.kl_estimate(_tensor(case["logp"]), _tensor(case["logref"]), case["kind"])
    return {"per": per, "mean": per.mean()}


def kl_controller(case: dict[str, Any]) -> dict[str, Any]:
    from training.algorithms import kl

    if case.get("kind") == "fixed" or case.get("target") is None:
        controller: Any = kl.FixedKL(case["beta"])
    else:
        controller = kl.AdaptiveKL(case["beta"], case["target"], case["horizon"])
    return {"betas": [controller.update(value, episodes) for value, episodes in case["seq"]]}


def kl_discrete(case: dict[str, Any]) -> float:
    from training.algorithms import kl

    return kl.kl_divergence(case["p"], case["q"], case.get("base", "e"))


def best_of_n(case: dict[str, Any]) -> dict[str, Any]:
    from training.algorithms import sampling

    if case["kind"] == "bound":
        return {"kl_bound": sampling.kl_bound(case["n"]), "win_rate": sampling.win_rate(case["n"])}
    if case["kind"] == "expected_max":
        return {"value": sampling.expected_max([float(x) for x in case["scores"]], case["n"])}
    outcome = (case["p"], [float(x) for x in case["rewards"]], case["n"])
    return {
        "p_bon": sampling.exact_distribution(*outcome),
        "kl": sampling.exact_kl(*outcome),
        "kl_bound": sampling.kl_bound(case["n"]),
    }


def raft_select(case: dict[str, Any]) -> dict[str, Any]:
    from training.algorithms import sampling

    rewards = [[float(x) for x in row] for row in case["rewards"]]
    chosen = sampling.raft_select(rewards, case["strategy"], case["alpha"])
    return {"selected": [list(at) for at in chosen]}


def lora(case: dict[str, Any]) -> dict[str, Any]:
    from training.algorithms import lora

    weight, a, b = (_tensor(case[name]) for name in "WAB")
    scaling = lora.lora_scaling(case["alpha"], case["r"], case["rslora"])
    return {
        "merged": lora.merge(weight, a, b, scaling),
        "y": lora.forward(_tensor(case["x"]), weight, a, b, scaling),
        "trainable": lora.trainable_parameters(weight.shape[1], weight.shape[0], case["r"]),
    }


def nf4(case: dict[str, Any]) -> dict[str, Any]:
    from training.algorithms import nf4

    if case["kind"] == "levels":
        return {"levels": list(nf4.levels())}
    packed = nf4.quantize(_tensor(case["x"]), case["block"])
    return {
        "codes": packed.codes,
        "absmax": packed.absmax,
        "dequantized": nf4.dequantize(packed),
        "bytes": nf4.memory_bytes(len(case["x"]), case["block"]),
    }


def diversity(case: dict[str, Any]) -> dict[str, Any]:
    from dataclasses import asdict
    from functools import partial

    from training.algorithms import diversity

    samples = case["samples"]
    ead = partial(
        diversity.expectation_adjusted_distinct,
        vocabulary=case.get("vocab_size", diversity.GPT2_VOCABULARY),
    )
    return {
        "distinct": asdict(diversity.per_input(samples, diversity.distinct)),
        "ead": asdict(diversity.per_input(samples, ead)),
        "across_input_distinct": diversity.across_input(samples, diversity.distinct),
        "across_input_ead": diversity.across_input(samples, ead),
    }


def diversity_similarity(case: dict[str, Any]) -> dict[str, Any]:
    from training.algorithms import diversity

    if case["kind"] == "embedding":
        return {"diversity": diversity.embedding_diversity(_tensor(case["vectors"]))}
    judged = [(tuple(pair["forward"]), tuple(pair["backward"])) for pair in case["pairs"]]
    return {"diversity": diversity.nli_diversity(judged)}


def token_shift(case: dict[str, Any]) -> dict[str, Any]:
    from training.algorithms import token_shift

    shift = token_shift.token_shift(_tensor(case["aligned_logits"]), _tensor(case["base_logits"]))
    return {
        "tokens": shift.tokens,
        "rank": shift.ranks,
        "label": shift.labels,
        "share": shift.shares,
        "kl": shift.kl,
    }
