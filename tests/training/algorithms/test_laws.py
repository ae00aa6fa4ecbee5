"""Laws of the formulas: what must hold whatever the numbers are. The oracles hold single cases."""

import itertools
import math
import random

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from training.algorithms import (
    advantages,
    diversity,
    dpo,
    kl,
    logprobs,
    lora,
    nf4,
    ppo,
    reward_loss,
    reward_metrics,
    rewards,
    sampling,
    sft,
    token_shift,
)

FEW = settings(max_examples=40, deadline=None)
numbers = st.floats(-5, 5).map(lambda x: round(x, 4))


def doubles(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


# ---- generalised advantage estimation


@pytest.mark.parametrize(("gamma", "lam"), [(1.0, 0.95), (0.9, 0.5), (1.0, 1.0), (0.97, 0.0)])
def test_gae_is_the_discounted_sum_of_td_errors(gamma: float, lam: float) -> None:
    r, v, length = doubles(1, 7), doubles(1, 7, seed=1), 5
    after = [*v[0, 1:length].tolist(), 0.0]
    delta = [float(r[0, t]) + gamma * after[t] - float(v[0, t]) for t in range(length)]
    closed = [
        sum((gamma * lam) ** (k - t) * delta[k] for k in range(t, length)) for t in range(length)
    ]
    got, returns = advantages.gae(r, v, torch.tensor([length]), gamma=gamma, lam=lam)
    torch.testing.assert_close(
        got[0, :length], torch.tensor(closed, dtype=torch.float64), rtol=0, atol=1e-14
    )
    torch.testing.assert_close(returns[0, :length], got[0, :length] + v[0, :length])
    assert not got[0, length:].any()
    assert not returns[0, length:].any()


@FEW
@given(st.lists(st.tuples(numbers, numbers), min_size=1, max_size=8))
def test_with_gamma_and_lambda_one_the_advantage_is_reward_to_go_less_the_value(
    steps: list[tuple[float, float]],
) -> None:
    r, v = (torch.tensor([list(column)]).double() for column in zip(*steps, strict=True))
    got, returns = advantages.gae(r, v, torch.tensor([len(steps)]), gamma=1.0, lam=1.0)
    to_go = r.flip(1).cumsum(1).flip(1)
    torch.testing.assert_close(returns, to_go)
    torch.testing.assert_close(got, to_go - v)


def test_with_lambda_zero_the_advantage_is_the_td_error() -> None:
    r, v, n = doubles(2, 4), doubles(2, 4, seed=3), torch.tensor([4, 2])
    got, _ = advantages.gae(r, v, n, gamma=0.9, lam=0.0)
    torch.testing.assert_close(got, advantages.td_errors(r, v, n, gamma=0.9))
    assert got[1, 1] == pytest.approx(float(r[1, 1] - v[1, 1]))  # V after the end is 0


def test_padding_never_enters_an_advantage_a_loss_or_a_gradient() -> None:
    n, mask = torch.tensor([3, 5]), rewards.completion_mask(torch.tensor([3, 5]), 5)
    tensors = [doubles(2, 5, seed=s) for s in range(6)]
    dirty = [
        torch.where(mask, t, bad) for t, bad in zip(tensors, (1e30, math.nan) * 3, strict=True)
    ]
    found = []
    for r, v, logps, old, v_now, ref in (tensors, dirty):
        clean_rewards = rewards.token_rewards(
            torch.tensor([1.0, -1.0]).double(), old, ref, n, kl_coef=0.1
        )
        adv, returns = advantages.gae(r, v, n)
        white = advantages.whiten(adv, mask)
        logps, v_now = logps.clone().requires_grad_(), v_now.clone().requires_grad_()
        policy = ppo.policy_loss(logps, old, white, mask, clip_range=0.2)
        value = ppo.value_loss(v_now, v, returns, mask, clip_range=0.2)
        ppo.total_loss(policy.loss, value.loss, value_coef=0.1).backward()
        assert logps.grad is not None
        assert v_now.grad is not None
        found.append(
            [clean_rewards, adv, returns, white, policy.loss, value.loss, logps.grad, v_now.grad]
        )
    for clean, same in zip(*found, strict=True):
        assert torch.equal(clean, same)


# ---- whitening


@FEW
@given(st.lists(numbers, min_size=3, max_size=12), st.booleans())
def test_whitened_numbers_have_mean_zero_and_variance_one(xs: list[float], shift: bool) -> None:
    x = torch.tensor([*xs, 99.0]).double()
    mask = torch.tensor([True] * len(xs) + [False])
    if float(x[mask].var()) < 1e-2:
        return
    y = advantages.whiten(x, mask, shift_mean=shift)
    assert float(y[mask].var()) == pytest.approx(1.0, abs=1e-5)
    assert float(y[mask].mean()) == pytest.approx(0.0 if shift else float(x[mask].mean()), abs=1e-9)
    assert float(y[-1]) == 0.0


def test_whitening_a_single_number_gives_zero_and_not_an_infinity() -> None:
    x = torch.tensor([3.0, 7.0])
    assert advantages.whiten(x, torch.tensor([True, False])).tolist() == [0.0, 0.0]


def test_whitening_in_two_halves_with_a_common_sum_is_whitening_the_whole() -> None:
    x, mask = doubles(4, 6), rewards.completion_mask(torch.tensor([6, 2, 3, 5]), 6)
    whole = advantages.whiten(x, mask)
    # Both processes' contributions to each of the two sums, computed as each would.
    parts = [(x[:2], mask[:2]), (x[2:], mask[2:])]
    first = sum(torch.stack([m.sum().double(), (p * m).sum()]) for p, m in parts)
    mean = first[1] / first[0]
    second = sum((((p - mean) * m).square().sum()).reshape(1) for p, m in parts)
    for (p, m), expected in zip(parts, (whole[:2], whole[2:]), strict=True):
        answers = iter([first, second])
        got = advantages.whiten(p, m, reduce=lambda _, a=answers: next(a))
        torch.testing.assert_close(got, expected, rtol=0, atol=1e-12)


# ---- Kullback-Leibler


@FEW
@given(st.lists(st.floats(0.05, 1.0), min_size=2, max_size=6), st.integers(0, 10_000))
def test_the_expectation_of_k1_and_k3_is_the_kl_and_that_of_k2_is_not(
    masses: list[float], seed: int
) -> None:
    others = [m * random.Random(seed + i).uniform(0.2, 3.0) for i, m in enumerate(masses)]
    p, q = ([m / math.fsum(ms) for m in ms] for ms in (masses, others))
    found = kl.expected_estimates(p, q)
    assert found["k1"] == pytest.approx(found["kl"], abs=1e-9)
    assert found["k3"] == pytest.approx(found["kl"], abs=1e-9)
    estimates = kl.kl_estimate(torch.tensor(p).log(), torch.tensor(q).log(), "k3")
    assert bool((estimates >= 0).all())


def test_k2_is_biased() -> None:
    found = kl.expected_estimates([0.7, 0.2, 0.1], [0.2, 0.2, 0.6])
    assert abs(found["k2"] - found["kl"]) > 0.01


def test_no_estimator_sees_a_divergence_of_a_policy_from_itself() -> None:
    logps = doubles(3, 4)
    for kind in ("k1", "k2", "k3", "abs"):
        assert not kl.kl_estimate(logps, logps, kind).any()  # type: ignore[arg-type]


def test_the_adaptive_coefficient_moves_towards_the_target_by_at_most_a_fifth() -> None:
    controller = kl.AdaptiveKL(0.1, target=6.0, horizon=100)
    # KL 12 is a relative error of +1, clipped to 0.2: 0.1 * (1 + 0.2 * 50 / 100) = 0.11
    assert controller.update(12.0, 50) == pytest.approx(0.11)
    # KL 5.4 is -0.1: 0.11 * (1 - 0.1 * 50 / 100) = 0.1045
    assert controller.update(5.4, 50) == pytest.approx(0.1045)
    assert kl.FixedKL(0.1).update(100.0, 50) == 0.1


# ---- PPO and REINFORCE


def test_clipped_tokens_have_no_gradient_and_the_other_side_has() -> None:
    # ratios 1.5, 1.5, 0.5, 0.5 with advantages +, -, +, -: the clip is active on the first and last
    logps = torch.tensor([[1.5, 1.5, 0.5, 0.5]]).double().log().requires_grad_()
    adv = torch.tensor([[1.0, -1.0, 1.0, -1.0]]).double()
    loss = ppo.policy_loss(logps, torch.zeros(1, 4), adv, torch.ones(1, 4), clip_range=0.2)
    loss.loss.backward()
    assert logps.grad is not None
    # -A rho / 4: 1.5 / 4 = 0.375 and -0.5 / 4 = -0.125
    assert logps.grad[0].tolist() == pytest.approx([0.0, 0.375, -0.125, 0.0])
    assert float(loss.clip_fraction) == 0.5


def test_at_ratio_one_the_gradient_is_that_of_reinforce() -> None:
    logps, adv = doubles(2, 3).requires_grad_(), doubles(2, 3, seed=5)
    mask = rewards.completion_mask(torch.tensor([3, 2]), 3)
    ppo.policy_loss(logps, logps.detach(), adv, mask, clip_range=0.2).loss.backward()
    clipped = logps.grad
    logps.grad = None
    ppo.reinforce_loss(logps, adv, mask, count=5).backward()
    assert clipped is not None
    assert logps.grad is not None
    assert torch.equal(clipped, logps.grad)


def test_the_value_loss_takes_the_larger_of_plain_and_clipped() -> None:
    one = torch.ones(1, 1)
    # V moved from 0 to 1, R = 1: plain error 0, clipped to 0.2 error 0.64; half of it is 0.32
    far = ppo.value_loss(one, 0 * one, one, one, clip_range=0.2)
    assert float(far.loss) == pytest.approx(0.32)
    assert float(far.clip_fraction) == 1.0
    assert float(ppo.value_loss(one, 0 * one, one, one, clip_range=None).loss) == 0.0


def test_parts_divided_by_the_whole_count_add_up_to_the_whole() -> None:
    logps, old, adv = (doubles(8, 6, seed=s) for s in (1, 2, 3))
    mask = rewards.completion_mask(torch.tensor([6, 1, 3, 5, 2, 6, 4, 1]), 6)
    whole = ppo.policy_loss(logps, old, adv, mask, clip_range=0.2).loss
    for size in (1, 3, 8):
        parts = [
            ppo.policy_loss(a, b, c, m, clip_range=0.2, token_count=mask.sum()).loss
            for a, b, c, m in zip(*(t.split(size) for t in (logps, old, adv, mask)), strict=True)
        ]
        assert float(torch.stack(parts).sum()) == pytest.approx(float(whole), abs=1e-14)


def test_the_leave_one_out_baseline_is_the_mean_one_scaled_up() -> None:
    r = doubles(3, 4)
    mean, loo = (advantages.baseline_advantages(r, k) for k in ("mean", "leave_one_out"))
    torch.testing.assert_close(loo, mean * 4 / 3)
    with pytest.raises(ValueError, match="at least two"):
        advantages.baseline_advantages(r[:, :1], "leave_one_out")


def test_the_reward_of_a_sequence_is_the_sum_of_its_tokens_rewards() -> None:
    logps, ref, n = doubles(3, 5), doubles(3, 5, seed=9), torch.tensor([5, 1, 3])
    scores, mask = doubles(3, seed=2), rewards.completion_mask(n, 5)
    tokens = rewards.token_rewards(scores, logps, ref, n, kl_coef=0.2)
    whole = rewards.sequence_rewards(scores, logps, ref, mask, kl_coef=0.2)
    torch.testing.assert_close(tokens.sum(1), whole)


def test_the_score_stands_on_the_last_real_token_alone() -> None:
    same = doubles(2, 4)
    tokens = rewards.token_rewards(
        torch.tensor([2.0, 3.0]).double(), same, same, torch.tensor([2, 4]), kl_coef=0.5
    )
    assert tokens.tolist() == [[0, 2.0, 0, 0], [0, 0, 0, 3.0]]


def test_a_score_scale_fed_in_parts_is_that_of_all_scores_together() -> None:
    x = doubles(10)
    scale = rewards.RunningScale()
    assert scale.std == 1.0
    for part in (x[:3], x[3:4], x[4:]):
        scale.update(len(part), float(part.sum()), float(part.square().sum()))
    assert scale.std == pytest.approx(float(x.std()))


# ---- preference losses


@FEW
@given(numbers, numbers)
def test_swapping_the_answers_negates_the_margin_and_equal_ones_cost_ln_two(
    a: float, b: float
) -> None:
    one, other = torch.tensor([a]), torch.tensor([b])
    there, back = reward_loss.pairwise_loss(one, other), reward_loss.pairwise_loss(other, one)
    # - ln s(d) + ln s(-d) = -d
    assert float(there - back) == pytest.approx(b - a, abs=1e-5)
    assert float(reward_loss.pairwise_loss(one, one)) == pytest.approx(math.log(2))


def test_a_strict_ranking_of_k_answers_is_the_mean_over_its_pairs() -> None:
    r = doubles(5)
    tiers = torch.tensor([2, 0, 4, 1, 3])
    pairs = [(i, j) for i, j in itertools.permutations(range(5), 2) if tiers[i] < tiers[j]]
    mean = torch.stack([reward_loss.pairwise_losses(r[i], r[j]) for i, j in pairs]).mean()
    for policy in ("instructgpt", "drop_norm_strict", "half"):
        assert float(reward_loss.kwise_loss(r, tiers, policy)) == pytest.approx(float(mean))


def test_an_all_tied_ranking_costs_nothing_and_pulls_nowhere() -> None:
    for policy in ("instructgpt", "drop_norm_strict"):
        r = torch.tensor([0.3, -1.0, 2.0], requires_grad=True)
        loss = reward_loss.kwise_loss(r, torch.zeros(3), policy)
        loss.backward()
        assert r.grad is not None
        assert float(loss.detach()) == 0.0
        assert r.grad.tolist() == [0.0, 0.0, 0.0]


def test_dpo_begins_at_ln_two_and_ipo_at_its_squared_target() -> None:
    w, lose = torch.tensor([-10.0]), torch.tensor([-12.0])
    assert float(dpo.dpo_loss(w, lose, w, lose, beta=0.1).loss) == pytest.approx(math.log(2))
    # (1 / (2 * 0.1))^2 = 25
    assert float(dpo.dpo_loss(w, lose, w, lose, beta=0.1, variant="ipo").loss) == pytest.approx(
        25.0
    )


def test_unknown_names_and_impossible_numbers_are_refused_with_what_is_allowed() -> None:
    x = torch.zeros(2)
    refused = [
        lambda: dpo.dpo_loss(x, x, x, x, beta=0.0),
        lambda: dpo.dpo_loss(x, x, x, x, beta=1.0, variant="ppo"),  # type: ignore[arg-type]
        lambda: reward_loss.kwise_loss(x, x, "drop"),  # type: ignore[arg-type]
        lambda: reward_loss.kwise_loss(x[:1], x[:1]),
        lambda: reward_loss.margin_for("better", "huge"),
        lambda: kl.kl_estimate(x, x, "k4"),  # type: ignore[arg-type]
        lambda: kl.kl_divergence([0.5, 0.6], [0.5, 0.5]),
        lambda: kl.kl_divergence([1.0], [1.0], base="3"),
        lambda: kl.AdaptiveKL(0.1, target=0.0, horizon=10),
        lambda: advantages.whiten(x, x, variance="sample"),  # type: ignore[arg-type]
        lambda: advantages.gae(x[None], x[None], torch.tensor([3])),
        lambda: rewards.token_rewards(x[:1], x[None], x[None], torch.tensor([0]), kl_coef=0.1),
        lambda: ppo.policy_loss(x, x, x, x, clip_range=0.0),
        lambda: sampling.expected_max([1.0], 2),
        lambda: sampling.raft_select([[1.0]], "global", 0.0),
        lambda: sampling.raft_select([[math.nan, 1.0]], "local"),
        lambda: sampling.exact_distribution([0.5, 0.4], [1, 2], 2),
        lambda: reward_metrics.RewardPair(1.0, 0.0, "left"),
        lambda: reward_metrics.reward_report([]),
        lambda: lora.lora_scaling(8, 0),
        lambda: nf4.quantize(torch.tensor([math.inf])),
        lambda: diversity.nli_diversity([(("SAME", 1.0), ("NEUTRAL", 1.0))]),
        lambda: token_shift.token_shift(x[None], torch.zeros(1, 3)),
        lambda: logprobs.selective_log_softmax(x[None], x[:1].long(), temperature=0.0),
    ]
    for refuse in refused:
        with pytest.raises(ValueError, match=r"\w+.*\d|allowed|given|must|needs|at least"):
            refuse()


# ---- log-probabilities and supervised loss


def test_selected_log_probabilities_are_those_of_a_full_log_softmax() -> None:
    logits, ids = doubles(2, 5, 11), torch.randint(0, 11, (2, 5))
    full = torch.log_softmax(logits / 0.7, -1).gather(-1, ids[..., None])[..., 0]
    torch.testing.assert_close(logprobs.selective_log_softmax(logits, ids, 0.7), full)


def test_the_token_after_position_t_is_learned_from_the_logits_at_t() -> None:
    ids = torch.tensor([[1, 2, 3]])
    logits = torch.full((1, 3, 5), -30.0)
    logits[0, 0, 2] = logits[0, 1, 3] = 30.0  # position 0 foretells token 1, position 1 token 2
    mask = sft.loss_mask(torch.tensor([1]), torch.tensor([3]), 3)
    assert float(sft.sft_loss(logits, ids, mask).mean) == pytest.approx(0.0, abs=1e-6)
    assert float(sft.sft_loss(logits.roll(1, 1), ids, mask).mean) > 10


def test_the_loss_of_context_and_padding_is_not_counted() -> None:
    logits, ids = doubles(1, 6, 7), torch.randint(0, 7, (1, 6))
    mask = sft.loss_mask(torch.tensor([2]), torch.tensor([4]), 6)
    assert mask.tolist() == [[False, False, True, True, False, False]]
    noise = logits.clone()
    noise[:, 0] = noise[:, 3:] = 50.0
    assert torch.equal(sft.sft_loss(logits, ids, mask).mean, sft.sft_loss(noise, ids, mask).mean)


# ---- choosing among samples


@FEW
@given(st.lists(numbers, min_size=1, max_size=7), st.data())
def test_the_expected_maximum_is_the_mean_over_all_subsets(
    scores: list[float], data: st.DataObject
) -> None:
    n = data.draw(st.integers(1, len(scores)))
    subsets = [max(chosen) for chosen in itertools.combinations(scores, n)]
    assert sampling.expected_max(scores, n) == pytest.approx(math.fsum(subsets) / len(subsets))


@FEW
@given(st.lists(st.floats(0.1, 1.0), min_size=2, max_size=4), st.integers(1, 3), st.data())
def test_the_exact_best_of_n_is_what_enumeration_gives_and_stays_below_the_bound(
    masses: list[float], n: int, data: st.DataObject
) -> None:
    p = [mass / math.fsum(masses) for mass in masses]
    scores = data.draw(st.lists(st.integers(0, 2), min_size=len(p), max_size=len(p)))
    best = [0.0] * len(p)
    for draw in itertools.product(range(len(p)), repeat=n):
        top = max(scores[i] for i in draw)
        winners = [i for i in draw if scores[i] == top]
        for winner in winners:
            best[winner] += math.prod(p[i] for i in draw) / len(winners)
    assert sampling.exact_distribution(p, scores, n) == pytest.approx(best, abs=1e-12)
    assert sampling.exact_kl(p, scores, n) <= sampling.kl_bound(n) + 1e-12


def test_raft_keeps_the_first_of_equals_and_the_highest_share_of_the_pool() -> None:
    table = [[1.0, 1.0, 0.0], [5.0, 4.0, 3.0]]
    assert sampling.raft_select(table, "local") == [(0, 0), (1, 0)]
    # int(0.5 * 6) = 3 of the six
    assert sampling.raft_select(table, "global", 0.5) == [(1, 0), (1, 1), (1, 2)]


# ---- metrics, adapters, quantisation, diversity


def test_calibration_is_perfect_where_chances_come_true_as_often_as_they_say() -> None:
    chances = torch.tensor([0.25] * 4 + [0.75] * 4).double()
    outcomes = torch.tensor([1, 0, 0, 0, 1, 1, 1, 0]).double()
    assert reward_metrics.calibration_error(chances, outcomes, 4) == pytest.approx(0.0)
    assert reward_metrics.calibration_error(chances, 1 - outcomes, 4) == pytest.approx(0.5)


def test_the_interval_of_a_share_stays_within_zero_and_one() -> None:
    low, high = reward_metrics.wilson_interval(10, 10)
    assert 0.69 < low < 0.73
    assert high == pytest.approx(1.0)
    assert high <= 1.0
    assert reward_metrics.wilson_interval(0, 10)[0] == 0.0


def test_reward_and_length_correlate_only_when_both_vary() -> None:
    assert reward_metrics.length_correlation([1.0, 2.0, 3.0], [2, 4, 6]) == pytest.approx(1.0)
    assert reward_metrics.length_correlation([1.0, 1.0], [2, 4]) is None


def test_a_merged_adapter_gives_the_unmerged_answer_and_a_new_one_changes_nothing() -> None:
    weight, a, b, x = doubles(4, 6), doubles(2, 6), doubles(4, 2), doubles(3, 6)
    scale = lora.lora_scaling(16, 2)
    merged = x @ lora.merge(weight, a, b, scale).T
    torch.testing.assert_close(merged, lora.forward(x, weight, a, b, scale))
    assert torch.equal(lora.merge(weight, a, 0 * b, scale), weight)


@FEW
@given(st.lists(numbers, min_size=1, max_size=20), st.integers(1, 8))
def test_quantising_twice_changes_nothing_more(xs: list[float], block: int) -> None:
    once = nf4.dequantize(nf4.quantize(torch.tensor(xs).double(), block))
    torch.testing.assert_close(nf4.dequantize(nf4.quantize(once, block)), once)


def test_every_entry_goes_to_the_nearest_of_sixteen_levels() -> None:
    x = doubles(64)
    packed = nf4.quantize(x, 64)
    table = torch.tensor(nf4.levels()).double()
    error = (x / x.abs().max() - table[packed.codes]).abs()
    assert len(table) == 16
    assert torch.equal(error, (x[:, None] / x.abs().max() - table).abs().amin(1))


def test_one_answer_repeated_is_less_diverse_than_different_ones() -> None:
    same, different = ["a b c"] * 3, ["a b c", "d e f", "g h i"]
    assert diversity.distinct(same) < diversity.distinct(different)
    assert diversity.per_input([same], diversity.distinct).sd is None
    assert diversity.embedding_diversity(torch.eye(3)) == pytest.approx(1.0)
    assert diversity.unordered_pairs(3) == [(0, 1), (0, 2), (1, 2)]


def test_a_model_is_not_shifted_from_itself_and_the_most_shifted_tokens_are_listed() -> None:
    logits = doubles(4, 9)
    itself = token_shift.token_shift(logits, logits)
    assert itself.shares == {"unshifted": 1.0, "marginal": 0.0, "shifted": 0.0}
    away = token_shift.token_shift(logits, -logits)
    assert away.shares["shifted"] == 1.0
    assert sum(count for _, count in token_shift.top_shifted(away)) == 4


def test_the_written_out_gradient_of_a_log_probability_is_autograds() -> None:
    logits, ids = doubles(2, 3, 7).requires_grad_(), torch.randint(0, 7, (2, 3))
    assert torch.autograd.gradcheck(
        lambda z: logprobs.selective_log_softmax(z, ids, 0.7), (logits,)
    )
