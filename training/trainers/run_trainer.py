"""What every TRL trainer of a run shares: our checkpoints, our diary, our stop and our guards.

`RunTrainer` goes before a TRL trainer in the list of bases. It replaces how transformers saves and
resumes (pickles without a mark of completeness) by `checkpoints` and `state_io`, sends figures to
`events`, and stops on request, on a figure that is not finite, and nowhere else.

Its subclasses implement `batch_loss` (a sum, to be divided by the step's number of items) and
`evaluation`. The collator of a subclass must put two plain numbers into each batch: `items` (what
the loss is a mean over: tokens, pairs, rankings) and `tokens`.
"""

import math
import random
import time
from collections import defaultdict
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy
import torch
from torch import Tensor
from transformers import TrainerCallback, TrainerState

from training.trainers.checkpoints import Checkpoint
from training.trainers.events import Phase
from training.trainers.faultpoint import faultpoint, poisoned
from training.trainers.loading import device_of, is_quantized, uses_bf16
from training.trainers.outcome import BadInput, Cancelled, Diverged
from training.trainers.run_directory import Run
from training.trainers.sharding import (
    gathered,
    optimiser_parts,
    part_of,
    shard,
    whole_weights,
)
from training.trainers.state_io import read_tree, write_tree

# transformers' names for figures, and ours (docs/metrics.md).
_RENAMED = {"loss": "loss", "grad_norm": "grad_norm", "learning_rate": "lr", "epoch": "epoch"}


class RunTrainer:
    """Mixed into a TRL trainer; `run` must be given to the constructor by name."""

    loss_is_scaled_for_ga = True  # batch_loss is divided by the items of the whole step
    run: Run
    # What the TRL trainer brings:
    args: Any
    model: Any
    optimizer: Any
    lr_scheduler: Any
    state: TrainerState
    control: Any
    accelerator: Any
    is_fsdp_enabled: bool
    is_deepspeed_enabled: bool

    def __init__(self, *arguments: Any, run: Run, **options: Any) -> None:
        self.run = run
        self.tokens_seen = 0
        self.figures: dict[str, list[float]] = defaultdict(list)
        super().__init__(*arguments, **options)
        if "ref" in getattr(self.model, "peft_config", {}):
            # TRL copies the adapters as a reference; ours is the model with adapters off.
            self.model.delete_adapter("ref")
        if is_quantized(self.model):
            for parameter in self.model.parameters():
                # TRL makes trained weights bf16 here; an update of 1e-5 of one would vanish in it.
                if parameter.requires_grad:
                    parameter.data = parameter.data.float()
        self.remove_standard_callbacks()
        self.add_callback(_RunCallback(self))  # type: ignore[attr-defined]
        if run.sharding != "none":
            shard(self.model, run.sharding, self.accelerator.device)
            # Shards reduce their own gradients; DDP around them would do it again.
            self.accelerator.prepare_model = lambda model, **options: model

    # ---- what a method defines

    def batch_loss(self, model: Any, inputs: dict[str, Any]) -> Tensor:
        """The summed loss of a micro batch; figures go to `self.figures`."""
        raise NotImplementedError

    def evaluation(self) -> dict[str, float]:
        """Figures on the validation data, named as in docs/metrics.md."""
        return {}

    def final_report(self) -> dict[str, object]:
        """Tables for result.json, after training."""
        return {}

    # ---- running

    def run_training(self) -> None:
        """Train to the end from wherever the run stands. Raises Cancelled after a stop."""
        checkpoint = self.run.checkpoints.newest_complete()
        self.run.enter(Phase.TRAINING)
        if checkpoint is not None:
            self.run.events.log(f"Going on from the checkpoint of step {checkpoint.step}.")
            self.resumed_from_step: int | None = checkpoint.step
        else:
            self.resumed_from_step = None
        if checkpoint is not None and self._is_finished(checkpoint):
            self._load_from_checkpoint(str(checkpoint.path))
            self.state = _read_state(checkpoint.path)
        else:
            path = None if checkpoint is None else str(checkpoint.path)
            self.train(resume_from_checkpoint=path)  # type: ignore[attr-defined]
        self.run.stop.check()

    def remove_standard_callbacks(self) -> None:
        """Progress bars and printed logs; trackers are fed by the diary (see trackers)."""
        from transformers import PrinterCallback, ProgressCallback

        for callback in (PrinterCallback, ProgressCallback):
            self.remove_callback(callback)  # type: ignore[attr-defined]

    # ---- the step

    def compute_loss(
        self,
        model: Any,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: Tensor | float | None = None,
    ) -> Tensor:
        assert not return_outputs, "evaluation() is ours; nobody asks for outputs"
        items = inputs.pop("items")
        self.tokens_seen += inputs.pop("tokens")
        loss = self.batch_loss(model, inputs) / (num_items_in_batch or items)
        if poisoned("step.loss"):
            loss = loss * math.nan
        # DDP averages gradients over processes, while items are counted over all of them.
        return loss * self.accelerator.num_processes

    def training_step(self, *arguments: Any, **options: Any) -> Tensor:
        faultpoint("step")
        loss: Tensor = super().training_step(*arguments, **options)  # type: ignore[misc]
        return loss

    def _get_num_items_in_batch(self, batch_samples: list[Any], device: Any) -> float | None:
        """Items of one optimiser step: all micro batches, all processes."""
        items = torch.tensor(float(sum(batch["items"] for batch in batch_samples)))
        if self.accelerator.num_processes > 1:
            items = self.accelerator.reduce(items.to(device), reduction="sum")
        return float(items) or None

    def _get_grad_norm(self, model: Any, grad_norm: Any = None) -> Any:
        """Called before the optimiser moves: the place to refuse a step that would spoil it."""
        norm = super()._get_grad_norm(model, grad_norm=grad_norm)  # type: ignore[misc]
        if hasattr(norm, "full_tensor"):  # of shards
            norm = norm.full_tensor()
        if norm is not None and not math.isfinite(float(norm)):
            raise Diverged(
                f"At step {self.state.global_step + 1} the gradient was not finite; the step was "
                "not taken, and the last checkpoint is good. Lower training.learning_rate, or "
                "look for broken examples in the data."
            )
        return norm

    # ---- evaluating

    def _evaluate(self, trial: Any, ignore_keys_for_eval: Any, skip_scheduler: bool = False) -> Any:
        try:
            self.evaluate_now(self.state.global_step)
        except Cancelled:
            self.control.should_save = self.control.should_training_stop = True
        return {}

    def evaluate_now(self, step: int) -> dict[str, float]:
        """Evaluate and log. Raises Cancelled, with nothing logged, when a stop cuts it short."""
        self.run.events.phase(Phase.EVALUATING)
        faultpoint("phase.evaluating")
        self.model.eval()
        try:
            with (
                torch.no_grad(),
                self.whole_weights(),
                self.compute_loss_context_manager(),  # type: ignore[attr-defined]
            ):
                found = self.evaluation()
        finally:
            self.model.train()
        if found:
            self.run.events.metrics(step, found)
        self.run.events.phase(Phase.TRAINING)
        return found

    def whole_weights(self) -> AbstractContextManager[None]:
        """Within, this process can use the model without the others."""
        return whole_weights(self.model, sharding=self.run.sharding)

    def check_evaluation(self) -> None:
        """To be called between the batches of an evaluation. Raises Cancelled."""
        self.run.stop.check()

    # ---- checkpoints

    def _save_checkpoint(self, model: Any, trial: Any = None) -> None:
        state = self._checkpoint_state()
        generators = _gathered(self.accelerator, _generator_states())
        if self.run.is_main:
            step = self.state.global_step
            with self.run.checkpoints.writing(step) as folder:
                for name, tree in state.items():
                    write_tree(folder / name, tree)
                    faultpoint("checkpoint.file")
                write_tree(folder / "generators", generators)
                self.state.save_to_json(str(folder / "trainer_state.json"))
            self.run.events.phase(Phase.TRAINING)
        self.accelerator.wait_for_everyone()

    def _checkpoint_state(self) -> dict[str, Any]:
        model = self.accelerator.unwrap_model(self.model)
        state = {
            "model": trained_state(model),
            "optimizer": self.optimizer.state_dict(),
            "scheduler": self.lr_scheduler.state_dict(),
            "counters": {"tokens": self.tokens_seen},
        }
        return state if self.run.sharding == "none" else gathered(state, keep=self.run.is_main)

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        load_trained_state(
            self.accelerator.unwrap_model(model or self.model),
            read_tree(Path(resume_from_checkpoint) / "model"),
        )
        self.tokens_seen = read_tree(Path(resume_from_checkpoint) / "counters")["tokens"]

    def _load_optimizer_and_scheduler(self, checkpoint: str | None) -> None:
        if checkpoint is not None:
            state = read_tree(Path(checkpoint) / "optimizer")
            if self.run.sharding != "none":
                groups = self.optimizer.param_groups
                state = optimiser_parts(state, [p for group in groups for p in group["params"]])
            self.optimizer.load_state_dict(state)
            self.lr_scheduler.load_state_dict(read_tree(Path(checkpoint) / "scheduler"))

    def _load_scaler(self, checkpoint: str | None) -> None:
        """bf16 and fp32 need no loss scaling, so there is none to restore."""

    def _load_rng_state(self, checkpoint: str | None) -> None:
        if checkpoint is not None:
            states = read_tree(Path(checkpoint) / "generators")
            _set_generator_states(states[self.run.rank] if self.run.rank < len(states) else None)

    def _is_finished(self, checkpoint: Checkpoint) -> bool:
        state = _read_state(checkpoint.path)
        return state.global_step >= state.max_steps


class _RunCallback(TrainerCallback):
    """Decides when to log, evaluate, save and stop, and writes the diary."""

    def __init__(self, trainer: RunTrainer) -> None:
        self.trainer = trainer
        self.run = trainer.run
        self.started = time.monotonic()
        self.first_step = 0
        self.first_tokens = 0

    def on_train_begin(self, args: Any, state: Any, control: Any, **more: Any) -> None:
        self.started = time.monotonic()
        self.first_step = state.global_step
        self.first_tokens = self.trainer.tokens_seen
        self.run.events.progress(state.global_step, state.max_steps)

    def on_step_end(self, args: Any, state: Any, control: Any, **more: Any) -> None:
        settings = self.run.config.training
        step, last = state.global_step, state.global_step >= state.max_steps
        faultpoint("step.end")
        stopping = _any_process(self.trainer.accelerator, self.run.stop.requested)
        if stopping:
            self.run.stop.request()
        control.should_log = last or stopping or step % settings.log_every == 0
        # After the last step the method evaluates by itself, for its result.
        control.should_evaluate = not (stopping or last) and _due(step, settings.eval_every)
        control.should_save = last or stopping or _due(step, settings.save_every)
        control.should_training_stop = last or stopping
        if _due(step, settings.sample_every) and settings.sample_prompts:
            from training.trainers.samples import write_samples

            write_samples(self.trainer, step)

    def on_log(self, args: Any, state: Any, control: Any, **more: Any) -> None:
        logs = more.get("logs") or {}
        if "loss" not in logs:  # transformers' summary at the end of training
            return
        values = {_RENAMED[name]: float(logs[name]) for name in _RENAMED if name in logs}
        for name, figures in self.trainer.figures.items():
            values[name] = math.fsum(figures) / len(figures)
        self.trainer.figures.clear()
        values["tokens"] = float(self.trainer.tokens_seen)
        self.run.events.metrics(state.global_step, values)
        self._progress(state)
        # The diary holds the figures; kept here as well they would grow with every checkpoint.
        state.log_history = []
        if not math.isfinite(values["loss"]):
            raise Diverged(
                f"The loss at step {state.global_step} was not finite. "
                "The last checkpoint is good. Lower training.learning_rate, or look for broken "
                "examples in the data."
            )

    def _progress(self, state: Any) -> None:
        seconds = max(time.monotonic() - self.started, 1e-9)
        done = state.global_step - self.first_step
        self.run.events.progress(
            state.global_step,
            state.max_steps,
            eta_s=seconds / done * (state.max_steps - state.global_step) if done else None,
            tokens_per_s=(self.trainer.tokens_seen - self.first_tokens) / seconds,
        )


def training_arguments(run: Run, kind: Any, *, steps_of_an_epoch: int, **more: Any) -> Any:
    """TRL's arguments (`kind` is its config class) for the settings of a run.

    Raises BadInput when the batch cannot be shared among the processes.
    """
    settings = run.config.training
    on_cpu = device_of(run).type == "cpu"
    if settings.paged_optimizer and on_cpu:
        raise BadInput(
            "training.paged_optimizer pages GPU memory, and no GPU is in use. Set it to false."
        )
    micro = min(settings.micro_batch_size, max(settings.batch_size // run.world_size, 1))
    if settings.batch_size % (micro * run.world_size):
        raise BadInput(
            f"training.batch_size {settings.batch_size} cannot be shared by {run.world_size} "
            f"processes in micro batches of {micro}; it must be a multiple of their product."
        )
    steps = settings.max_steps or max(math.ceil(settings.epochs * steps_of_an_epoch), 1)
    return kind(
        output_dir=str(run.path),
        per_device_train_batch_size=micro,
        gradient_accumulation_steps=settings.batch_size // (micro * run.world_size),
        max_steps=steps,
        learning_rate=settings.learning_rate,
        warmup_steps=round(settings.warmup * steps),
        lr_scheduler_type={"constant": "constant_with_warmup"}.get(
            settings.scheduler, settings.scheduler
        ),
        weight_decay=settings.weight_decay,
        adam_beta2=settings.adam_beta2,
        adam_epsilon=settings.adam_epsilon,
        optim="paged_adamw_32bit" if settings.paged_optimizer else "adamw_torch",
        max_grad_norm=settings.grad_clip,
        seed=run.config.seed,
        data_seed=run.config.seed,
        full_determinism=run.config.deterministic,
        use_cpu=on_cpu,
        bf16=uses_bf16(run),
        activation_checkpointing=settings.gradient_checkpointing,
        gradient_checkpointing=None,  # the old name, which TRL would switch on
        # The callback decides; transformers' own rhythm stays off.
        logging_strategy="no",
        eval_strategy="no",
        save_strategy="no",
        logging_nan_inf_filter=False,
        include_num_input_tokens_seen="no",
        report_to="none",
        disable_tqdm=True,
        remove_unused_columns=False,
        dataloader_num_workers=0,
        dataloader_pin_memory=False,
        **more,
    )


def steps_of_an_epoch(run: Run, examples: int) -> int:
    """Optimiser steps of one pass over `examples`; the last may be smaller."""
    return max(math.ceil(examples / run.config.training.batch_size), 1)


def trained_state(model: Any) -> dict[str, Tensor]:
    """What training changes: the adapters (and head), or all weights and buffers."""
    if hasattr(model, "peft_config"):
        return {name: p for name, p in model.named_parameters() if p.requires_grad}
    state: dict[str, Tensor] = model.state_dict()
    return state


def load_trained_state(model: Any, state: dict[str, Tensor]) -> None:
    """Put back what `trained_state` took. Raises BadInput when it belongs to another model."""
    own = trained_state(model)
    if own.keys() != state.keys():
        raise BadInput(
            "The checkpoint holds other weights than this run trains; run.json was changed since. "
            "Put it back, or begin in a new run directory."
        )
    with torch.no_grad():
        for name, tensor in state.items():
            own[name].copy_(part_of(tensor, own[name]))


def _read_state(folder: Path) -> TrainerState:
    state: TrainerState = TrainerState.load_from_json(str(folder / "trainer_state.json"))
    return state


def _due(step: int, every: int) -> bool:
    return every > 0 and step % every == 0


def _any_process(accelerator: Any, flag: bool) -> bool:
    """True everywhere if true anywhere: processes that stop apart wait for one another for ever."""
    if accelerator.num_processes == 1:
        return flag
    flags = torch.tensor(float(flag), device=accelerator.device)
    return bool(accelerator.reduce(flags, reduction="sum") > 0)


def _gathered(accelerator: Any, item: Any) -> list[Any]:
    if accelerator.num_processes == 1:
        return [item]
    from accelerate.utils import gather_object

    return list(gather_object([item]))


def _generator_states() -> dict[str, Any]:
    states = {
        "python": random.getstate(),
        "numpy": numpy.random.get_state(),
        "torch": torch.get_rng_state(),
    }
    if torch.cuda.is_available():
        states["cuda"] = torch.cuda.get_rng_state()
    return states


def _set_generator_states(states: dict[str, Any] | None) -> None:
    if states is None:
        return
    random.setstate(states["python"])
    numpy.random.set_state(states["numpy"])
    torch.set_rng_state(states["torch"])
    if "cuda" in states and torch.cuda.is_available():
        torch.cuda.set_rng_state(states["cuda"])
