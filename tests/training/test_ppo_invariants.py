"""What must be exact in PPO, on models of some thousand weights."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.training.tiny_policies import save_causal, save_reward, write_jsonl, write_run
from training.algorithms.advantages import gae
from training.algorithms.kl import kl_estimate
from training.trainers.actor_critic import Network
from training.trainers.generation import Sampling, generate, left_pad, pick_tokens, uniforms
from training.trainers.on_policy_models import load_models
from training.trainers.outcome import BadInput, Cancelled, Diverged
from training.trainers.ppo import PPO
from training.trainers.processes import Figures, Processes
from training.trainers.rollout import Rollout, deal, pad_batch
from training.trainers.run_directory import Run

pytestmark = pytest.mark.heavy

ANIMALS = ("cat", "dog", "bird", "fish", "sun", "moon", "sea", "tree")
PROMPTS = [{"prompt": f"tell me about the {name}"} for name in ANIMALS] + [{"prompt": "cat ?"}]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    save_causal(folder / "policy")
    save_reward(folder / "reward")
    write_jsonl(folder / "prompts.jsonl", PROMPTS)
    return folder


def make_run(models: Path, folder: Path, **changes: Any) -> Run:
    settings = {"updates": 2, "max_new_tokens": 8, **changes.pop("settings", {})}
    training = {"batch_size": 8, "micro_batch_size": 4, "learning_rate": 1e-3, "max_length": 64}
    write_run(
        folder,
        method="ppo",
        model={"path": str(models / "policy")},
        reward_model={"path": str(models / "reward")},
        data=[{"role": "prompts", "path": str(models / "prompts.jsonl"), "kind": "prompt_only"}],
        device="cpu",
        training={**training, "save_every": 1, **changes.pop("training", {})},
        settings=settings,
        **changes,
    )
    return Run.open(folder)


def trainer(models: Path, folder: Path, **changes: Any) -> PPO:
    run = make_run(models, folder, **changes)
    processes = Processes(run)
    loaded, prompts = load_models(run, processes, value=True)
    return PPO(run, processes, loaded, prompts)


def scored(ppo: PPO) -> tuple[Rollout, Figures]:
    figures = Figures()
    rollout = ppo.sample()
    ppo.score(rollout, figures)
    return rollout, figures


def gradients(ppo: PPO) -> list[torch.Tensor]:
    return [
        parameter.grad.clone()
        for group in ppo.optimiser.param_groups
        for parameter in group["params"]
        if parameter.grad is not None
    ]


def first_step(ppo: PPO, rollout: Rollout, figures: Figures) -> list[torch.Tensor]:
    """The gradients of the first mini batch, clipped by nothing and applied."""
    ppo.minibatch_step(rollout, ppo._minibatches(rollout, 0)[0], figures)
    return gradients(ppo)


# ---- forwards


def test_a_left_padded_batch_gives_what_each_row_gives_alone(models: Path, tmp_path: Path) -> None:
    ppo = trainer(models, tmp_path / "run")
    assert ppo.actors.value is not None
    assert ppo.actors.reward is not None
    prompts, answers = [[3, 4, 5, 6], [7], [8, 9]], [[10, 1], [11, 12, 13, 14], [15, 16, 1]]
    whole = pad_batch(prompts, answers, 0, "cpu")
    with torch.no_grad():
        logps = ppo.actors.policy.logps(whole, 1.0)
        values, scores = ppo.actors.value.values(whole), ppo.actors.reward.scores(whole)
        for row in range(3):
            alone = pad_batch(prompts[row : row + 1], answers[row : row + 1], 0, "cpu")
            n = len(answers[row])
            close = {"rtol": 0, "atol": 2e-6}
            torch.testing.assert_close(
                logps[row, :n], ppo.actors.policy.logps(alone, 1.0)[0], **close
            )
            torch.testing.assert_close(values[row, :n], ppo.actors.value.values(alone)[0], **close)
            torch.testing.assert_close(scores[row], ppo.actors.reward.scores(alone)[0], **close)


def test_what_the_cache_samples_is_what_the_training_forward_sees(
    models: Path, tmp_path: Path
) -> None:
    """Each sampled token is the one that its draw picks from the teacher-forced logits."""
    ppo = trainer(models, tmp_path / "run")
    rollout = ppo.sample()
    draws = uniforms(ppo.config.seed, 0, range(8), 8)
    with torch.no_grad():
        batch = rollout.batch(range(8))
        logits = ppo.actors.policy.logits(batch)
    for row, completion in enumerate(rollout.completions):
        picked = pick_tokens(
            logits[row, : len(completion.ids)], draws[row, : len(completion.ids)], 1.0
        )
        assert picked.tolist() == completion.ids


def test_an_answer_does_not_depend_on_the_batch_it_is_sampled_in(
    models: Path, tmp_path: Path
) -> None:
    ppo = trainer(models, tmp_path / "run")
    model = ppo.actors.policy.module
    prompts = [[3, 4, 5, 6], [7], [8, 9], [10, 11, 12], [13, 3]]
    draws = uniforms(0, 0, range(5), 12)
    together, apart = (
        generate(model, prompts, draws, Sampling(12, (1,), 0, batch_size=size)) for size in (5, 2)
    )
    assert together == apart
    assert len({tuple(c.ids) for c in together}) > 1
    for completion in together:
        assert completion.ended == (completion.ids[-1] == 1)
        assert 1 not in completion.ids[:-1]


def test_a_nucleus_keeps_the_likeliest_tokens_only() -> None:
    logits = torch.tensor([[0.5, 0.3, 0.15, 0.05]]).log().expand(1000, -1)
    draws = torch.linspace(0, 1, 1001, dtype=torch.float64)[:-1]
    counts = pick_tokens(logits, draws, 1.0, top_p=0.7).bincount(minlength=4).tolist()
    # .5 and .3 reach .7: they are drawn in the ratio 5 to 3
    assert counts == [625, 375, 0, 0]


def test_prompts_are_padded_on_the_left_and_positions_count_real_tokens() -> None:
    ids, mask = left_pad([[5, 6], [7]], 0, "cpu")
    assert ids.tolist() == [[5, 6], [0, 7]]
    assert mask.tolist() == [[1, 1], [0, 1]]
    batch = pad_batch([[5, 6], [7]], [[8], [9, 1]], 0, "cpu")
    assert batch.positions.tolist() == [[0, 1, 2, 2], [0, 0, 1, 2]]
    assert batch.mask.tolist() == [[True, False], [True, True]]


# ---- before the first step


@pytest.mark.parametrize("kind", ["k1", "k2", "k3", "abs"])
@pytest.mark.parametrize("lora", [None, {"r": 4}])
def test_the_kl_is_exactly_zero_at_the_start(
    models: Path, tmp_path: Path, kind: str, lora: Any
) -> None:
    ppo = trainer(models, tmp_path / "run", lora=lora, settings={"kl_estimator": kind})
    rollout, _ = scored(ppo)
    assert torch.equal(rollout.logps, rollout.ref_logps)
    figures = Figures()
    ppo.prepare(rollout, figures)
    placed = rollout.rewards.gather(1, (rollout.lengths - 1)[:, None])[:, 0]
    assert torch.equal(placed, rollout.scores)
    assert int((rollout.rewards != 0).sum()) == len(rollout)


def test_the_value_begins_as_the_reward_model_and_the_score_is_read_on_the_last_token(
    models: Path, tmp_path: Path
) -> None:
    ppo = trainer(models, tmp_path / "run")
    rollout, _ = scored(ppo)
    assert ppo.actors.value is not None
    batch = rollout.batch(range(8))
    with torch.no_grad():
        everywhere = ppo.actors.value.scalars(batch)
    for row, completion in enumerate(rollout.completions):
        last = batch.prompt_width + len(completion.ids) - 1
        assert float(everywhere[row, last]) == pytest.approx(
            float(rollout.raw_scores[row]), abs=1e-6
        )


@pytest.mark.parametrize("lora", [None, {"r": 4}])
def test_a_value_head_of_zeros_answers_zero(models: Path, tmp_path: Path, lora: Any) -> None:
    ppo = trainer(models, tmp_path / "run", lora=lora, settings={"value_init": "zero_head"})
    rollout, _ = scored(ppo)
    assert not rollout.values.any()
    assert rollout.raw_scores.any()


@pytest.mark.parametrize("lora", [None, {"r": 4}])
def test_the_first_ratio_is_exactly_one(models: Path, tmp_path: Path, lora: Any) -> None:
    ppo = trainer(models, tmp_path / "run", lora=lora, training={"micro_batch_size": 2})
    rollout, _ = scored(ppo)
    figures = Figures()
    ppo.prepare(rollout, figures)
    ppo.minibatch_step(rollout, ppo._minibatches(rollout, 0)[0], figures)
    means = figures.means(ppo.processes)
    assert means["policy/ratio"] == 1.0
    assert means["policy/ratio_max"] == 1.0
    assert means["policy/clipfrac"] == 0.0
    assert means["policy/approx_kl"] == 0.0
    mean_advantage = float(rollout.advantages.sum() / rollout.mask.sum())
    assert means["policy/loss"] == pytest.approx(-mean_advantage, abs=1e-7)


def test_advantages_are_those_of_the_formula_and_are_whitened_over_the_batch(
    models: Path, tmp_path: Path
) -> None:
    ppo = trainer(models, tmp_path / "run", settings={"lam": 0.9, "gamma": 0.97})
    rollout, _ = scored(ppo)
    ppo.prepare(rollout, Figures())
    raw, returns = gae(rollout.rewards, rollout.values, rollout.lengths, gamma=0.97, lam=0.9)
    assert torch.equal(rollout.returns, returns)
    white = rollout.advantages[rollout.mask]
    assert float(white.mean()) == pytest.approx(0.0, abs=1e-6)
    assert float(white.var()) == pytest.approx(1.0, abs=1e-5)
    assert not rollout.advantages[~rollout.mask].any()
    order = raw[rollout.mask].argsort()
    assert torch.equal(order, white.argsort())


def test_an_answer_that_does_not_end_pays_for_it(models: Path, tmp_path: Path) -> None:
    ppo = trainer(models, tmp_path / "run", settings={"missing_eos_penalty": 2.5})
    rollout, _ = scored(ppo)
    assert bool(rollout.ended.any())
    assert not bool(rollout.ended.all())
    paid = rollout.raw_scores - rollout.scores
    assert paid.tolist() == pytest.approx([0.0 if end else 2.5 for end in rollout.ended])


# ---- steps


@pytest.mark.parametrize("lora", [None, {"r": 4}])
def test_micro_batches_of_any_size_give_one_gradient(
    models: Path, tmp_path: Path, lora: Any
) -> None:
    found = []
    for size in (8, 4, 1):
        more = {"micro_batch_size": size, "grad_clip": 0}
        ppo = trainer(
            models,
            tmp_path / f"run{size}",
            lora=lora,
            training=more,
            settings={"entropy_coef": 0.01, "whiten_rewards": True},
        )
        rollout, figures = scored(ppo)
        ppo.prepare(rollout, figures)
        found.append(first_step(ppo, rollout, figures))
    for other in found[1:]:
        for one, same in zip(found[0], other, strict=True):
            torch.testing.assert_close(one, same, rtol=1e-3, atol=2e-6)


def test_garbage_at_masked_positions_leaves_every_gradient_as_it_was(
    models: Path, tmp_path: Path
) -> None:
    found = []
    for bad in (0.0, float("nan")):
        ppo = trainer(models, tmp_path / f"run-{bad}")
        rollout, figures = scored(ppo)
        ppo.prepare(rollout, figures)
        for tensor in (rollout.logps, rollout.values, rollout.advantages, rollout.returns):
            tensor[~rollout.mask] = bad
        assert not rollout.mask.all()
        found.append(first_step(ppo, rollout, figures))
    for clean, same in zip(*found, strict=True):
        assert torch.equal(clean, same)


def test_pad_ids_are_never_read_as_a_mask(models: Path, tmp_path: Path) -> None:
    """Padding is written with another id: nothing may change."""
    found = []
    for pad in (0, 1):  # 1 is the EOS
        ppo = trainer(models, tmp_path / f"run{pad}")
        ppo.models.pad_id = pad
        rollout, figures = scored(ppo)
        ppo.prepare(rollout, figures)
        found.append([rollout.logps, rollout.values, *first_step(ppo, rollout, figures)])
    for one, same in zip(*found, strict=True):
        assert torch.equal(one, same)


def test_adapters_move_and_the_reference_stays_the_base_to_the_bit(
    models: Path, tmp_path: Path
) -> None:
    ppo = trainer(models, tmp_path / "run", lora={"r": 4}, training={"learning_rate": 1e-2})
    rollout, _ = scored(ppo)
    before = rollout.ref_logps.clone()
    base = {
        name: p.clone()
        for name, p in ppo.actors.policy.module.named_parameters()
        if "lora" not in name
    }
    ppo.advance()
    ppo.score(rollout, Figures())
    assert torch.equal(rollout.ref_logps, before)
    assert not torch.equal(rollout.logps, before)
    after = dict(ppo.actors.policy.module.named_parameters())
    assert all(torch.equal(weights, after[name]) for name, weights in base.items())


def test_exact_figures_are_those_of_the_whole_distributions(models: Path, tmp_path: Path) -> None:
    settings = {"exact_figures": True, "temperature": 0.7}
    ppo = trainer(models, tmp_path, settings=settings, training={"learning_rate": 1e-2})
    ppo.advance()
    rollout, figures = scored(ppo)
    logged = figures.means(ppo.processes)
    kl = entropy = 0.0
    for row in range(len(rollout)):
        batch = rollout.batch([row])
        reference = ppo.actors.reference
        assert reference is not None
        with torch.no_grad():
            p = (ppo.actors.policy.logits(batch)[0].double() / 0.7).softmax(-1)
            q = (reference.logits(batch)[0].double() / 0.7).softmax(-1)
        kl += float((p * (p / q).log()).sum()) / len(rollout)
        entropy -= float((p * p.log()).sum()) / int(rollout.lengths.sum())
    assert kl > 1e-3
    assert logged["objective/kl_exact"] == pytest.approx(kl, rel=1e-3)
    assert logged["objective/entropy_exact"] == pytest.approx(entropy, rel=1e-4)


def test_the_critic_warms_up_alone(models: Path, tmp_path: Path) -> None:
    ppo = trainer(models, tmp_path / "run", settings={"critic_warmup_updates": 1})
    assert ppo.actors.value is not None
    policy = [p.clone() for p in ppo.actors.policy.trained().values()]
    value = [p.clone() for p in ppo.actors.value.trained().values()]
    ppo.advance()
    assert all(map(torch.equal, policy, ppo.actors.policy.trained().values()))
    assert not all(map(torch.equal, value, ppo.actors.value.trained().values()))
    ppo.advance()
    assert not all(map(torch.equal, policy, ppo.actors.policy.trained().values()))


def test_the_passes_end_early_when_the_policy_has_moved_enough(
    models: Path, tmp_path: Path
) -> None:
    moved = {}
    for limit in (None, 1e-9):
        ppo = trainer(
            models, tmp_path / f"run{limit}", settings={"stop_kl": limit, "ppo_epochs": 3}
        )
        steps = []
        take = ppo.optimiser.step
        ppo.optimiser.step = lambda *a, take=take, steps=steps: steps.append(take(*a))  # type: ignore[method-assign]
        ppo.advance()
        moved[limit] = (len(steps), ppo.metrics["early_stopped"])
    # The first step is taken at ratio 1; the second finds a policy that has moved, and is dropped.
    assert moved == {None: (3, 0.0), 1e-9: (1, 1.0)}


def test_the_kl_may_stand_in_the_loss_instead_of_the_reward(models: Path, tmp_path: Path) -> None:
    """With k3 in the loss and no reward, the policy is pulled back to its reference."""
    changes = {"kl_in": "loss", "kl_estimator": "k3", "kl_coef": 5.0, "value_init": "zero_head"}
    ppo = trainer(models, tmp_path / "run", settings={**changes, "stop_kl": None, "ppo_epochs": 8})
    with torch.no_grad():
        for parameter in ppo.actors.policy.trained().values():
            parameter.add_(0.03 * torch.randn_like(parameter))
    rollout, figures = scored(ppo)
    before = k3_of(rollout)
    ppo.prepare(rollout, figures)
    assert int((rollout.rewards != 0).sum()) == len(rollout)  # no KL in the rewards
    rollout.advantages.zero_()
    for _ in range(8):
        ppo.minibatch_step(rollout, ppo._minibatches(rollout, 0)[0], figures)
    ppo.score(rollout, Figures())  # the same tokens
    assert k3_of(rollout) < 0.5 * before


def k3_of(rollout: Rollout) -> float:
    return float(kl_estimate(rollout.logps, rollout.ref_logps, "k3").sum())


def test_pretraining_text_pulls_the_policy_towards_itself(models: Path, tmp_path: Path) -> None:
    write_jsonl(tmp_path / "ptx.jsonl", [{"text": "the cat is big and the dog is small"}] * 4)
    data = [
        {"role": "prompts", "path": str(models / "prompts.jsonl"), "kind": "prompt_only"},
        {"role": "ptx", "path": str(tmp_path / "ptx.jsonl"), "kind": "text"},
    ]
    losses = {}
    for coef in (1e-6, 5.0):
        run = make_run(models, tmp_path / f"run{coef}", settings={"ptx_coef": coef, "updates": 4})
        given = json.loads((run.path / "run.json").read_text())
        run.close()
        write_run(run.path, **{**given, "data": data})
        run = Run.open(run.path)
        processes = Processes(run)
        loaded, prompts = load_models(run, processes, value=True)
        ppo = PPO(run, processes, loaded, prompts)
        for _ in range(4):
            ppo.advance()
        losses[coef] = ppo.metrics["ptx/loss"]
    assert losses[5.0] < losses[1e-6] - 0.2


# ---- guards, dealing, refusals


def test_a_policy_far_from_its_reference_stops_the_run_with_a_checkpoint(
    models: Path, tmp_path: Path
) -> None:
    ppo = trainer(models, tmp_path / "run", settings={"max_kl": 0.5})
    with torch.no_grad():
        for parameter in ppo.actors.policy.trained().values():
            parameter.add_(0.3 * torch.randn_like(parameter))
    with pytest.raises(Diverged, match=r"settings\.max_kl 0\.5.*Raise settings\.kl_coef"):
        ppo.train()
    assert ppo.run.checkpoints.newest_complete() is not None


def test_answers_that_no_longer_end_stop_the_run(models: Path, tmp_path: Path) -> None:
    ppo = trainer(models, tmp_path / "run", settings={"min_eos_rate": 0.99})
    with pytest.raises(Diverged, match=r"answers end, below settings\.min_eos_rate 99"):
        ppo.train()


def test_weights_that_are_no_numbers_stop_the_run_and_are_not_saved(
    models: Path, tmp_path: Path
) -> None:
    ppo = trainer(models, tmp_path / "run")
    assert ppo.actors.value is not None
    ppo.advance()
    ppo.save()
    with torch.no_grad():
        next(iter(ppo.actors.value.trained().values())).fill_(float("nan"))
    with pytest.raises(Diverged, match="not finite"):
        ppo.advance()
    newest = ppo.run.checkpoints.newest_complete()
    assert newest is not None
    assert newest.step == 1


def test_mini_batches_are_dealt_evenly_to_any_share_of_the_rows() -> None:
    hands = deal(24, 4, seed=3, update=5, epoch=1)
    assert sorted(row for hand in hands for row in hand) == list(range(24))
    for begin in (0, 12):  # each of two processes holds three rows of every mini batch
        assert [sum(begin <= row < begin + 12 for row in hand) for hand in hands] == [3, 3, 3, 3]
    assert hands != deal(24, 4, seed=3, update=5, epoch=2)
    assert hands == deal(24, 4, seed=3, update=5, epoch=1)


def test_a_batch_that_cannot_be_dealt_is_refused(models: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"batch_size is 8; it must be a multiple of 3"):
        trainer(models, tmp_path / "run", settings={"minibatches": 3})


def test_a_prompt_that_leaves_no_room_for_the_answer_is_refused(
    models: Path, tmp_path: Path
) -> None:
    with pytest.raises(BadInput, match=r"prompt 1 has 5 tokens, and 4 are left"):
        trainer(models, tmp_path / "run", training={"max_length": 12})


# ---- the whole run


def test_a_run_leaves_a_model_its_metrics_and_whole_episodes(models: Path, tmp_path: Path) -> None:
    ppo = trainer(models, tmp_path / "run")
    result = ppo.train()
    assert result.steps == 2
    assert (tmp_path / "run" / "model" / "model.safetensors").is_file()
    lines = (tmp_path / "run" / "rollouts" / "step-2.jsonl").read_text().splitlines()
    episode = json.loads(lines[0])
    assert len(lines) == 4
    for token in episode["tokens"]:
        assert token["kl"] == pytest.approx(token["logp"] - token["ref_logp"], abs=2e-6)
    rewards = sum(token["reward"] for token in episode["tokens"])
    kl = sum(token["kl"] for token in episode["tokens"])
    assert rewards == pytest.approx(episode["shaped_score"] - 0.05 * kl, abs=1e-4)


def test_cancelling_saves_and_stops(models: Path, tmp_path: Path) -> None:
    ppo = trainer(models, tmp_path / "run")
    ppo.run.stop.request()
    with pytest.raises(Cancelled):
        ppo.train()


def test_a_network_without_a_head_has_no_scalars() -> None:
    with pytest.raises(TypeError, match="no scalar head"):
        Network(torch.nn.Linear(1, 1)).scalars(pad_batch([[1]], [[1]], 0, "cpu"))
