"""LoRA adapters: attaching, counting, estimating memory, and merging with proof.

W' = W + (alpha / r) B A with B = 0 at the start, so that an adapted model begins as its base
(arXiv:2106.09685).
"""

import math
from typing import Any, NamedTuple

import torch

from training.trainers.outcome import BadInput, RunEnded
from training.trainers.settings import LoraSettings


class ParameterCounts(NamedTuple):
    """Numbers of parameters."""

    total: int
    trainable: int


def attach(model: Any, lora: LoraSettings, *, reward: bool = False) -> Any:
    """`model` wrapped with fresh adapters; its own weights are frozen.

    For a reward model the head is trained whole, since it begins at random.
    Raises BadInput for targets that name no linear layer of the model.
    """
    from peft import LoraConfig, TaskType, get_peft_model

    targets = lora.targets
    if targets != "all-linear":
        _require_targets(model, list(targets))
    config = LoraConfig(
        r=lora.r,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        target_modules=targets if targets == "all-linear" else list(targets),
        use_rslora=lora.rslora,
        bias="none",
        task_type=TaskType.SEQ_CLS if reward else TaskType.CAUSAL_LM,
        modules_to_save=["score"] if reward else None,
    )
    return get_peft_model(model, config)


def count_parameters(model: Any) -> ParameterCounts:
    """All parameters, and those that training changes (4-bit weights count as unpacked)."""
    total = trainable = 0
    for parameter in model.parameters():
        number = parameter.numel()
        if parameter.__class__.__name__ == "Params4bit":
            number *= 2 * parameter.element_size()  # two weights in each byte
        total += number
        trainable += number if parameter.requires_grad else 0
    return ParameterCounts(total, trainable)


class MemoryEstimate(NamedTuple):
    """Bytes on one device, before the first step; activations are the rough part."""

    weights: int
    gradients: int
    optimizer: int
    activations: int

    @property
    def total(self) -> int:
        return sum(self)


def estimate_memory(
    model: Any, *, tokens: int, bf16: bool, checkpointing: bool, learned_tokens: int | None = None
) -> MemoryEstimate:
    """What training `model` with micro batches of `tokens` tokens takes.

    Weights as they are; a gradient and two Adam moments of 4 bytes for each trained one; for
    activations some 34 values of the hidden size for each token and layer (arXiv:2205.05198,
    equation 2, without its attention term, which the fused kernels do not keep), or 1 with
    checkpointing; and two copies of the logits of the tokens that carry loss.
    """
    config = model.config.get_text_config()
    counts = count_parameters(model)
    weights = sum(p.numel() * p.element_size() for p in model.parameters())
    width = 2 if bf16 else 4
    layers = config.num_hidden_layers
    per_layer = config.hidden_size * (1 if checkpointing else 17) * width
    logits = 2 * 4 * (tokens if learned_tokens is None else learned_tokens) * config.vocab_size
    return MemoryEstimate(
        weights=weights,
        gradients=4 * counts.trainable,
        optimizer=8 * counts.trainable,
        activations=tokens * layers * per_layer + logits,
    )


def merge(model: Any, probe: dict[str, torch.Tensor]) -> tuple[Any, float]:
    """The base model with its adapters merged in, and the largest difference on `probe`.

    `probe` are inputs of the model. The difference is that of the logits (or rewards) before and
    after, divided by their largest value. Raises RunEnded when it exceeds what rounding explains.
    """
    model.eval()
    with torch.no_grad():
        before = model(**probe).logits.float()
        merged = model.merge_and_unload()
        merged.eval()
        after = merged(**probe).logits.float()
    scale = max(float(before.abs().max()), 1e-6)
    difference = float((before - after).abs().max()) / scale
    require_equal(difference, allowed=1e-4 if merged.dtype == torch.float32 else 3e-2)
    return merged, difference


def require_equal(difference: float, *, allowed: float) -> None:
    """Raise RunEnded when merging changed the answers by more than rounding explains."""
    if not math.isfinite(difference) or difference > allowed:
        raise RunEnded(
            f"Merging the adapters changed the model's answers by {difference:.2g} of their size, "
            f"where rounding explains {allowed:g}. The adapters alone are kept in adapter/."
        )


def _require_targets(model: Any, targets: list[str]) -> None:
    linear = {
        name.rsplit(".", 1)[-1]
        for name, module in model.named_modules()
        if isinstance(module, torch.nn.Linear)
    }
    unknown = [name for name in targets if name not in linear]
    if unknown or not targets:
        raise BadInput(
            f"lora.targets names {unknown or 'nothing'}; this model's linear layers are "
            f"{', '.join(sorted(linear))}. Name some of these, or all-linear."
        )
    if "lm_head" in targets:
        raise BadInput(
            "lora.targets names lm_head, whose adapter the loss would not see. Leave it out."
        )
