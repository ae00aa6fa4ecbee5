"""Each TRL-based method from run.json to a model that loads again, and its exact properties."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.training.running import REPO_ROOT, events, result, run_here
from tests.training.test_resume import KINDS
from tests.training.tiny_model import chats, demonstrations, preferences, write_rows, write_run
from training.trainers.metrics import BY_NAME, page
from training.trainers.model_folder import check_model_folder
from training.trainers.run_directory import Run

pytestmark = pytest.mark.heavy


def built(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The trainer of a run, loaded and ready, before its first step; and the first batch."""
    from training.trainers import dpo, kto, reward, sft
    from training.trainers.methods import trainer_of

    held: dict[str, Any] = {}

    def hold(run: Any, trainer: Any, tokenizer: Any, batch: Any, *rest: Any) -> Any:
        held.update(trainer=trainer, batch=batch, tokenizer=tokenizer)

    for module in (sft, reward, dpo, kto):
        monkeypatch.setattr(module, "finish", hold, raising=False)
    monkeypatch.setattr("training.trainers.trl_parts.finish", hold)
    run = Run.open(folder)
    trainer_of(run.config.method)(run)
    run.close()
    return held


@pytest.mark.parametrize("name", KINDS)
def test_a_method_leaves_a_model_that_loads_again(tmp_path: Path, base: Path, name: str) -> None:
    method, kind, more = KINDS[name]
    folder = write_run(
        tmp_path, method, kind, model=base, training={"eval_every": 3, "log_every": 2}, **more
    )
    assert run_here(folder) == 0
    assert check_model_folder(folder / "model") == []
    assert result(folder)["outcome"] == "done"
    logged = {key for event in events(folder, "metrics") for key in event["values"]}
    assert logged <= BY_NAME.keys()
    assert {"loss", "lr", "grad_norm", "tokens", "eval/loss"} <= logged
    for key in logged:
        assert method in BY_NAME[key].methods.split(", "), key
    last = events(folder, "progress")[-1]
    assert (last["step"], last["total"], last["eta_s"]) == (6, 6, 0)
    assert last["tokens_per_s"] > 0
    if "lora" in more:
        assert result(folder)["report"]["merge_difference"] < 1e-4
        assert check_model_folder(folder / "adapter") == []
    other = write_run(tmp_path / "next", method, kind, model=folder / "model")
    assert run_here(other, "--dry-run") == 0
    assert not (other / "result.json").exists()


def test_the_page_of_metrics_is_up_to_date() -> None:
    assert (REPO_ROOT / "docs" / "metrics.md").read_text() == page()


@pytest.mark.parametrize("kind", ["plain", "chat", "messages"])
def test_only_the_answer_carries_loss(
    tmp_path: Path, base: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    folder = write_run(tmp_path, "sft", "prompt_completion", model=base)
    rows = demonstrations(8)
    if kind != "plain":
        rows = chats(rows)
    if kind == "messages":
        rows = [{"messages": row["prompt"] + row["completion"]} for row in rows]
    write_rows(folder / "train.jsonl", rows)
    held = built(folder, monkeypatch)
    ids, labels = held["batch"]["input_ids"][0], held["batch"]["labels"][0]
    learned = held["tokenizer"].decode(ids[labels != -100])
    context = held["tokenizer"].decode(ids[labels == -100])
    assert learned == "the cat likes milk . </s>"
    assert "tell me about the cat ." in context
    assert ("user :" in context) == (kind != "plain")


def test_a_chat_with_several_answers_learns_them_all(
    tmp_path: Path, base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_run(tmp_path, "sft", "prompt_completion", model=base)
    turns = [("user", "hello"), ("assistant", "yes"), ("user", "the cat"), ("assistant", "no")]
    messages = [{"role": role, "content": content} for role, content in turns]
    write_rows(folder / "train.jsonl", [{"messages": messages}])
    held = built(folder, monkeypatch)
    ids, labels = held["batch"]["input_ids"][0], held["batch"]["labels"][0]
    assert held["tokenizer"].decode(ids[labels != -100]) == "yes </s> no </s>"


def test_packed_examples_do_not_see_one_another(
    tmp_path: Path, base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from training.trainers.learned_tokens import learned_tokens
    from training.trainers.sft import Rows
    from training.trainers.trl_parts import index_dataset  # noqa: F401 - the module under test

    folder = write_run(tmp_path, "sft", "prompt_completion", model=base, settings={"packing": True})
    held = built(folder, monkeypatch)
    model = held["trainer"].model.eval()
    packed = held["trainer"].data_collator.__self__
    assert max(len(row) for row in packed.layout) > 1
    alone = Rows(packed.examples, packed.pad_id, width=64, packing=False)
    row = packed.layout[0]
    together = packed.collate([{"index": 0}])
    apart = [alone.collate([{"index": i}]) for i in row]
    with torch.no_grad():
        joint = learned_tokens(
            model, {k: together[k] for k in ("input_ids", "position_ids")}, together["labels"]
        )
        single = [
            learned_tokens(model, {k: b[k] for k in ("input_ids", "attention_mask")}, b["labels"])
            for b in apart
        ]
        seen = learned_tokens(model, {"input_ids": together["input_ids"]}, together["labels"])
    expected = torch.cat([one.logps for one in single])
    assert torch.allclose(joint.logps, expected, atol=1e-5)
    # The control: without positions that begin anew, they do see one another.
    assert not torch.allclose(seen.logps, expected, atol=1e-2)


def test_scoring_learned_positions_only_changes_nothing(base: Path) -> None:
    from transformers import AutoModelForCausalLM

    from training.algorithms.sft import sft_loss
    from training.trainers.learned_tokens import learned_tokens

    model = AutoModelForCausalLM.from_pretrained(base)
    ids = torch.randint(4, 50, (3, 12), generator=torch.Generator().manual_seed(1))
    labels = ids.clone()
    labels[:, :5] = -100
    labels[1, 9:] = -100
    scored = learned_tokens(model, {"input_ids": ids}, labels)
    (-scored.logps.mean()).backward()
    short = {name: p.grad.clone() for name, p in model.named_parameters()}
    model.zero_grad()
    whole = sft_loss(model(input_ids=ids).logits, ids, labels != -100)
    whole.mean.backward()
    assert torch.allclose(scored.sums(3), whole.sequence_logps, atol=1e-4)
    for name, parameter in model.named_parameters():
        assert torch.allclose(short[name], parameter.grad, atol=1e-6), name


def test_trl_s_own_sft_loss_is_ours(
    tmp_path: Path, base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from trl import SFTTrainer

    held = built(write_run(tmp_path, "sft", "prompt_completion", model=base), monkeypatch)
    trainer = held["trainer"]
    batch = trainer.data_collator([{"index": i} for i in range(4)])
    ours = trainer.compute_loss(trainer.model, dict(batch))
    inputs = {k: batch[k] for k in ("input_ids", "attention_mask", "labels")}
    theirs = SFTTrainer.compute_loss(trainer, trainer.model, inputs)
    assert float(ours) == pytest.approx(float(theirs), abs=1e-6)


def test_trl_s_own_reward_loss_is_ours(
    tmp_path: Path, base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from trl import RewardTrainer

    folder = write_run(
        tmp_path, "reward", "preference", model=base, settings={"group_rankings": False}
    )
    trainer = built(folder, monkeypatch)["trainer"]
    batch = trainer.data_collator([{"index": i} for i in range(4)])
    ours = trainer.compute_loss(trainer.model, dict(batch))
    order = torch.cat([batch["chosen"], batch["rejected"]])
    inputs = {k: batch[k][order] for k in ("input_ids", "attention_mask")}
    theirs = RewardTrainer.compute_loss(trainer, trainer.model, inputs)
    assert float(ours) == pytest.approx(float(theirs), abs=1e-6)


def test_trl_s_own_dpo_loss_is_ours_away_from_the_start(
    tmp_path: Path, base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from trl import DPOTrainer

    trainer = built(write_run(tmp_path, "dpo", "preference", model=base), monkeypatch)["trainer"]
    with torch.no_grad():
        for parameter in trainer.model.parameters():
            parameter.add_(0.02 * torch.randn(parameter.shape))
    batch = trainer.data_collator([{"index": i} for i in range(4)])
    ours = trainer.compute_loss(trainer.model, dict(batch))
    chosen, rejected = batch["reference_logps"].chunk(2)
    inputs = {
        "input_ids": batch["input_ids"],
        "attention_mask": batch["attention_mask"],
        "completion_mask": (batch["labels"] != -100).long(),
        "ref_chosen_logps": chosen,
        "ref_rejected_logps": rejected,
    }
    theirs = DPOTrainer._compute_loss(trainer, trainer.model, inputs, False)
    assert abs(float(ours) - math.log(2)) > 1e-3
    assert float(ours) == pytest.approx(float(theirs), abs=1e-5)


def test_dpo_begins_at_log_two_and_ipo_at_its_square(tmp_path: Path, base: Path) -> None:
    for loss, expected in (("sigmoid", math.log(2)), ("ipo", 25.0)):
        folder = write_run(
            tmp_path / loss, "dpo", "preference", model=base, settings={"loss": loss}
        )
        assert run_here(folder) == 0
        first = events(folder, "metrics")[0]["values"]["loss"]
        assert first == pytest.approx(expected, rel=1e-5)


def test_a_ranking_weighs_as_much_as_a_pair(
    tmp_path: Path, base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Equation 1 of arXiv:2203.02155: each ranking's pairs are averaged, then the rankings."""
    from training.algorithms.reward_loss import kwise_batch_loss
    from training.trainers.reward import rewards_of

    trainer = built(write_run(tmp_path, "reward", "preference", model=base), monkeypatch)["trainer"]
    rankings = trainer.data_collator.__self__.rankings[:3]
    assert [len(ranking.sequences) for ranking in rankings] == [3, 2, 2]
    batch = trainer.data_collator([{"index": i} for i in range(3)])
    ours = trainer.compute_loss(trainer.model, dict(batch))
    with torch.no_grad():
        rewards = rewards_of(trainer.model, batch).split([3, 2, 2])
    tiers = [torch.tensor([0, 1, 2]), torch.tensor([0, 1]), torch.tensor([0, 1])]
    expected, _ = kwise_batch_loss(list(rewards), tiers)
    assert float(ours) == pytest.approx(float(expected), abs=1e-6)


def test_micro_batches_do_not_change_the_loss(tmp_path: Path, base: Path) -> None:
    """Ragged lengths in parts of one, two or four rows: the same step."""
    losses = []
    for micro in (1, 2, 4):
        folder = write_run(
            tmp_path / str(micro),
            "sft",
            "prompt_completion",
            model=base,
            training={"micro_batch_size": micro},
        )
        assert run_here(folder) == 0
        losses.append([e["values"]["loss"] for e in events(folder, "metrics")[:-1]])
    assert losses[0] == pytest.approx(losses[1], abs=1e-5)
    assert losses[0] == pytest.approx(losses[2], abs=1e-5)


def test_recomputing_activations_changes_nothing(tmp_path: Path, base: Path) -> None:
    for name, more in (("all", {}), ("lora", {"lora": {"r": 4}})):
        losses = []
        for recompute in (False, True):
            folder = write_run(
                tmp_path / f"{name} {recompute}",
                "sft",
                "prompt_completion",
                model=base,
                training={"gradient_checkpointing": recompute},
                **more,
            )
            assert run_here(folder) == 0
            losses.append([e["values"].get("loss") for e in events(folder, "metrics")])
        assert losses[0] == losses[1]


def test_demonstrations_score_zero_on_average_after_centring(tmp_path: Path, base: Path) -> None:
    from training.trainers.loading import load_reward_model, load_tokenizer
    from training.trainers.reward import rewards_of, sequence_batch
    from training.trainers.run_config import ModelSource
    from training.trainers.tokenising import Texts

    folder = tmp_path / "run"
    for more in ({}, {"lora": {"r": 4}}):
        write_run(
            folder,
            "reward",
            "preference",
            model=base,
            extra_data=[
                {"role": "demonstrations", "path": "demo.jsonl", "kind": "prompt_completion"}
            ],
            **more,
        )
        write_rows(folder / "demo.jsonl", demonstrations(9))
        assert run_here(folder) == 0
        assert result(folder)["report"]["demonstration_shift"] != 0
        run = Run.open(folder)
        source = ModelSource(path="model")
        tokenizer = load_tokenizer(run, source)
        model = load_reward_model(run, source, tokenizer).eval()
        run.close()
        texts = Texts(tokenizer)
        pairs = [texts.pair(r["prompt"], r["completion"]) for r in demonstrations(9)]
        rows = [prompt + answer for prompt, answer in pairs]
        with torch.no_grad():
            scores = rewards_of(model, sequence_batch(rows, tokenizer.pad_token_id))
        assert float(scores.mean()) == pytest.approx(0, abs=1e-5)
        for file in folder.iterdir():
            if file.is_dir():
                import shutil

                shutil.rmtree(file)


def test_the_reward_report_breaks_accuracy_down(tmp_path: Path, base: Path) -> None:
    folder = write_run(tmp_path, "reward", "preference", model=base, human_ceiling=0.77)
    assert run_here(folder) == 0
    report = result(folder)["report"]["reward_report"]
    assert set(report["by_strength"]) == {"1", "2"}
    assert set(report["by_use_case"]) == {"animals", "food"}
    assert sum(row["pairs"] for row in report["by_annotator"].values()) == report["pairs"] == 12
    assert sum(row["pairs"] for row in report["calibration"]) == 12
    assert report["human_ceiling"] == 0.77


def test_more_than_one_epoch_of_a_reward_model_is_warned_of(tmp_path: Path, base: Path) -> None:
    for epochs, warned in ((1, []), (2, ["epochs"])):
        folder = write_run(
            tmp_path / str(epochs),
            "reward",
            "preference",
            model=base,
            training={"epochs": epochs, "max_steps": None},
        )
        assert run_here(folder) == 0
        assert [event["code"] for event in events(folder, "warning")] == warned


def test_ties_are_dropped_or_pull_together(
    tmp_path: Path, base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [{**row, "group": None, "tie": i % 2 == 0} for i, row in enumerate(preferences(8))]
    for ties, expected in (("drop", 4), ("half", 8)):
        folder = write_run(
            tmp_path / ties, "reward", "preference", model=base, settings={"ties": ties}
        )
        write_rows(folder / "train.jsonl", rows)
        trainer = built(folder, monkeypatch)["trainer"]
        assert len(trainer.train_dataset) == expected
        batch = trainer.data_collator([{"index": 0}])
        if ties == "half":
            assert float(trainer.compute_loss(trainer.model, batch)) >= math.log(2) - 1e-6


def test_4_bit_training_works_on_a_cpu_and_merges(tmp_path: Path, base: Path) -> None:
    pytest.importorskip("bitsandbytes")
    for method, kind in (("sft", "prompt_completion"), ("reward", "preference")):
        folder = write_run(
            tmp_path / method, method, kind, model=base, lora={"r": 4}, quantization="nf4"
        )
        assert run_here(folder) == 0
        assert result(folder)["report"]["merge_difference"] < 3e-2
        assert check_model_folder(folder / "model") == []


def test_a_dry_run_shows_the_first_batch_and_trains_nothing(
    tmp_path: Path, base: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_run(tmp_path, "sft", "prompt_completion", model=base)
    before = sorted(path.name for path in folder.iterdir())
    assert run_here(folder, "--dry-run") == 0
    shown = capsys.readouterr().out
    assert "«likes»«milk»«.»«</s>»" in shown
    assert "about|the|cat|" in shown
    assert "20,416 of 20,416 parameters are trained" in shown
    assert "6 steps of 4 take about" in shown
    assert sorted(path.name for path in folder.iterdir()) == before


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('{"prompt": "a"}', "it needs prompt and completion"),
        ('{"prompt": "a", "completion": [{"role":"assistant","content":"b"}]}', "all be texts"),
        ('{"prompt": 1, "completion": "b"}', "line 1"),
        ("{", "line 1"),
        ("\ud800", "line 1"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, base: Path, line: str, words: str) -> None:
    folder = write_run(tmp_path, "sft", "prompt_completion", model=base)
    (folder / "train.jsonl").write_bytes(line.encode(errors="surrogatepass") + b"\n")
    assert run_here(folder) == 2
    assert words in result(folder)["sentence"]


def test_compressed_data_is_read_by_its_bytes(tmp_path: Path, base: Path) -> None:
    import gzip

    import zstandard

    for compress in (gzip.compress, zstandard.compress):
        folder = write_run(tmp_path / compress.__module__, "sft", "prompt_completion", model=base)
        text = (folder / "train.jsonl").read_bytes()
        (folder / "train.jsonl").write_bytes(compress(text))
        assert run_here(folder) == 0
        (folder / "train.jsonl").write_bytes(compress(text)[:-20])
        (folder / "inputs.json").unlink()
        assert run_here(folder) == 2


def test_rows_too_long_are_counted_and_none_left_is_refused(tmp_path: Path, base: Path) -> None:
    folder = write_run(tmp_path, "dpo", "preference", model=base, training={"max_length": 14})
    assert run_here(folder) == 0
    warning = events(folder, "warning")[0]
    assert warning["code"] == "rows_dropped"
    assert "longer than training.max_length 14 tokens" in warning["sentence"]
    config = json.loads((folder / "run.json").read_text())
    config["training"]["max_length"] = 8
    other = tmp_path / "other"
    other.mkdir()
    for name in ("train.jsonl", "validation.jsonl"):
        (other / name).write_bytes((folder / name).read_bytes())
    (other / "run.json").write_text(json.dumps(config))
    assert run_here(other) == 2
    assert "no pair to learn from" in result(other)["sentence"]


def test_samples_are_written_and_do_not_change_what_is_learned(tmp_path: Path, base: Path) -> None:
    from tests.training.running import learned

    plain = write_run(tmp_path / "plain", "sft", "prompt_completion", model=base)
    sampled = write_run(
        tmp_path / "sampled",
        "sft",
        "prompt_completion",
        model=base,
        training={"sample_every": 3, "sample_prompts": ["tell me about the cat ."]},
    )
    assert (run_here(plain), run_here(sampled)) == (0, 0)
    assert [event["step"] for event in events(sampled, "sample")] == [3, 6]
    assert learned(plain) == learned(sampled)


def test_an_adapter_on_top_of_a_model_is_merged_before_training(tmp_path: Path, base: Path) -> None:
    from training.trainers.loading import load_causal_model, load_tokenizer
    from training.trainers.run_config import ModelSource

    first = write_run(tmp_path / "first", "sft", "prompt_completion", model=base, lora={"r": 4})
    assert run_here(first) == 0
    source = ModelSource(path=str(base), adapter=str(first / "adapter"))
    second = write_run(tmp_path / "second", "sft", "prompt_completion", model=base)
    run = Run.open(second)
    tokenizer = load_tokenizer(run, source)
    merged = load_causal_model(run, source, tokenizer).state_dict()
    plain = load_causal_model(run, ModelSource(path=str(first / "model")), tokenizer).state_dict()
    untouched = load_causal_model(run, ModelSource(path=str(base)), tokenizer).state_dict()
    run.close()
    name = "model.layers.0.self_attn.q_proj.weight"
    assert not torch.equal(merged[name], untouched[name])
    for key, weight in merged.items():
        assert torch.allclose(weight, plain[key], atol=1e-6), key


def test_an_adapter_that_changes_answers_when_merged_is_not_exported(
    tmp_path: Path, base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from peft import LoraModel

    merge = LoraModel.merge_and_unload

    def spoiled(self: Any, *arguments: Any, **options: Any) -> Any:
        model = merge(self, *arguments, **options)
        model.lm_head.weight.data.mul_(1.01)
        return model

    monkeypatch.setattr(LoraModel, "merge_and_unload", spoiled)
    folder = write_run(tmp_path, "sft", "prompt_completion", model=base, lora={"r": 4})
    assert run_here(folder) == 1
    assert "Merging the adapters changed the model's answers" in result(folder)["sentence"]
    assert not (folder / "model").exists()
    assert (folder / "adapter" / "manifest.json").exists()


@pytest.mark.parametrize(
    ("lora", "words"),
    [({"targets": ["nonsense"]}, "q_proj"), ({"targets": ["lm_head"]}, "Leave it out")],
)
def test_wrong_targets_of_adapters_are_named(
    tmp_path: Path, base: Path, lora: dict[str, Any], words: str
) -> None:
    folder = write_run(tmp_path, "sft", "prompt_completion", model=base, lora=lora)
    assert run_here(folder) == 2
    assert words in result(folder)["sentence"]


def test_a_tracker_that_fails_is_switched_off_and_training_goes_on(tmp_path: Path) -> None:
    from training.trainers.events import EventLog, read_events
    from training.trainers.trackers import _listener

    class Diary:
        events = EventLog(tmp_path / "events.jsonl")

    calls: list[int] = []

    def log(step: int, figures: dict[str, float]) -> None:
        calls.append(step)
        assert figures == {"loss": 1.5}  # null is left out
        if step == 2:
            raise OSError("no route to host")

    Diary.events.listen(_listener(Diary, "wandb", log))  # type: ignore[arg-type]
    for step in (1, 2, 3):
        Diary.events.metrics(step, {"loss": 1.5, "grad_norm": None})
    assert calls == [1, 2]
    warnings = [e for e in read_events(tmp_path / "events.jsonl") if e["kind"] == "warning"]
    assert [w["sentence"] for w in warnings] == [
        "wandb failed and is switched off: no route to host."
    ]


def test_figures_that_are_not_finite_are_null_and_warned_of(tmp_path: Path) -> None:
    from training.trainers.events import EventLog, read_events

    (tmp_path / "events.jsonl").write_text('{"kind": "log", "torn')
    log = EventLog(tmp_path / "events.jsonl")
    log.metrics(3, {"loss": math.nan, "lr": 0.1, "grad_norm": math.inf})
    log.close()
    metrics, warning = read_events(tmp_path / "events.jsonl")
    assert metrics["values"] == {"loss": None, "lr": 0.1, "grad_norm": None}
    assert "['loss', 'grad_norm']" in warning["sentence"]


def test_kto_s_reference_point_and_losses_by_hand() -> None:
    """Two answers, h = 1 and -1; mismatched log-ratios 0.5 and 1.5, so z0 = 1; beta 1.

    good: 1 - sigma(1 - 1) = 0.5; bad: 1 - sigma(1 - (-1)) = 1 - sigma(2) = 0.119203.
    """
    from training.algorithms.kto import kto_loss

    zeros = torch.zeros(2)
    loss = kto_loss(
        torch.tensor([1.0, -1.0]),
        zeros,
        torch.tensor([True, False]),
        torch.tensor([0.5, 1.5]),
        zeros,
        beta=1.0,
        undesirable_weight=2.0,
    )
    assert loss.losses.tolist() == pytest.approx([0.5, 2 * 0.119203], abs=1e-6)
    below = kto_loss(zeros, zeros, torch.tensor([True, True]), -torch.ones(2), zeros, beta=1.0)
    assert float(below.kl) == 0


def test_trl_s_own_kto_loss_is_ours(
    tmp_path: Path, base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from trl import KTOTrainer

    trainer = built(write_run(tmp_path, "kto", "unpaired", model=base), monkeypatch)["trainer"]
    with torch.no_grad():
        for parameter in trainer.model.parameters():
            parameter.add_(0.02 * torch.randn(parameter.shape))
    batch = trainer.data_collator([{"index": i} for i in range(4)])
    ours = trainer.compute_loss(trainer.model, dict(batch))
    own, other = batch["reference_logps"].chunk(2)
    inputs = {"label": batch["good"], "ref_logps": own, "ref_KL_logps": other}
    for prefix, rows in (("", slice(0, 4)), ("KL_", slice(4, 8))):
        inputs[f"{prefix}input_ids"] = batch["input_ids"][rows]
        inputs[f"{prefix}attention_mask"] = batch["attention_mask"][rows]
        inputs[f"{prefix}completion_mask"] = (batch["labels"][rows] != -100).long()
    trainer.loss_type, trainer.calculate_KL = "kto", True
    theirs = KTOTrainer._compute_loss(trainer, trainer.model, inputs, False)
    assert abs(float(ours) - 0.5) > 1e-3
    assert float(ours) == pytest.approx(float(theirs), abs=1e-5)


def test_a_missing_tracker_is_named(tmp_path: Path, base: Path) -> None:
    import importlib.util

    if importlib.util.find_spec("mlflow"):
        pytest.skip("mlflow is installed")
    folder = write_run(tmp_path, "sft", "prompt_completion", model=base, trackers=["mlflow"])
    assert run_here(folder) == 2
    assert "pip install rondo[mlflow]" in result(folder)["sentence"]


def test_a_pad_token_equal_to_eos_is_replaced(base: Path, tmp_path: Path) -> None:
    import shutil

    from training.trainers.loading import load_causal_model, load_tokenizer
    from training.trainers.run_config import ModelSource

    model = Path(shutil.copytree(base, tmp_path / "model"))
    config = json.loads((model / "tokenizer_config.json").read_text())
    config["pad_token"] = config["eos_token"]
    (model / "tokenizer_config.json").write_text(json.dumps(config))
    run = Run.open(write_run(tmp_path / "run", "sft", "prompt_completion", model=model))
    tokenizer = load_tokenizer(run, ModelSource(path=str(model)))
    assert tokenizer.pad_token == "<pad>"
    assert tokenizer.pad_token_id != tokenizer.eos_token_id
    loaded = load_causal_model(run, ModelSource(path=str(model)), tokenizer)
    assert loaded.config.pad_token_id == tokenizer.pad_token_id
    run.close()
