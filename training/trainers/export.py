"""The trained model as a folder: safetensors, tokenizer, chat template, and a card that says where
it comes from. With LoRA the adapters are kept too, in `adapter/` beside it, and merged in with
proof that the answers stay the same."""

import copy
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from training.trainers.adapters import merge, require_equal
from training.trainers.loading import is_quantized
from training.trainers.manifest import write_manifest
from training.trainers.model_folder import check_model_folder
from training.trainers.outcome import RunEnded
from training.trainers.run_directory import Run
from training.trainers.sharding import make_whole

if TYPE_CHECKING:
    from training.trainers.run_trainer import RunTrainer


def export_model(
    run: Run, trainer: "RunTrainer", tokenizer: Any, figures: dict[str, float]
) -> dict[str, object]:
    """Write `model/` (and `adapter/`). Returns what belongs into the report.

    Raises RunEnded when merging changes the answers, or when the folder would be refused by our
    own check of model folders.
    """
    model = trainer.accelerator.unwrap_model(trainer.model)
    make_whole(model)
    facts = write_model(run, model, tokenizer, figures) if run.is_main else {}
    trainer.accelerator.wait_for_everyone()
    return facts


def write_model(
    run: Run, model: Any, tokenizer: Any, figures: Mapping[str, float]
) -> dict[str, object]:
    """What `export_model` does in the one process that writes; a model with one adapter, or
    none."""
    facts: dict[str, object] = {}
    if hasattr(model, "peft_config"):
        _save_adapter(run, model)
        model, difference = _merged(model, _probe(run, tokenizer))
        facts["merge_difference"] = difference
    restore_forward(model)
    with run.exporting() as folder:
        model.config.use_cache = True
        model.save_pretrained(folder, safe_serialization=True)
        tokenizer.save_pretrained(folder)
        (folder / "README.md").write_text(model_card(run, figures))
        problems = check_model_folder(folder)
        if problems:
            raise RunEnded(f"The exported model would be refused: {' '.join(problems)}")
    return facts


def restore_forward(model: Any) -> None:
    """Undo TRL's replacement of `forward`, whose fused head only training needs."""
    vars(model).pop("forward", None)


def _save_adapter(run: Run, model: Any) -> None:
    draft, final = run.path / ".draft-adapter", run.path / "adapter"
    for folder in (draft, final):
        shutil.rmtree(folder, ignore_errors=True)
    model.save_pretrained(draft, safe_serialization=True)
    (draft / "README.md").unlink(missing_ok=True)  # peft's card names the folder on this machine
    write_manifest(draft, {"method": run.config.method, "base": run.config.model.path})
    draft.rename(final)


def _merged(model: Any, probe: dict[str, torch.Tensor]) -> tuple[Any, float]:
    base = model.get_base_model()
    restore_forward(base)
    device = next(model.parameters()).device
    inputs = {name: tensor.to(device) for name, tensor in probe.items()}
    if not is_quantized(base):
        return merge(model, inputs)
    return _merge_unpacked(model, inputs)


@torch.no_grad()
def _merge_unpacked(model: Any, probe: dict[str, torch.Tensor]) -> tuple[Any, float]:
    """Adapters that were trained over 4-bit weights, merged into those weights as they were used.

    The 4-bit weights are unpacked, not read again from the base model: the adapters have learned
    to work with their rounding (arXiv:2305.14314). Returns a plain model in float32, and the
    largest difference of its answers on `probe`, as in `adapters.merge`.
    """
    model.eval()
    base = model.get_base_model()
    config = copy.deepcopy(base.config)
    del config.quantization_config
    plain = type(base)(config).to(next(base.parameters()).device)
    if hasattr(plain, "score"):
        plain.score = torch.nn.Linear(plain.score.in_features, 1, bias=True)
    state = {}
    for name in plain.state_dict():
        parent, _, leaf = name.rpartition(".")
        module = base.get_submodule(parent)
        module = getattr(module, "modules_to_save", {"default": module})["default"]
        adapted = leaf == "weight" and hasattr(module, "get_delta_weight")
        weight = _unpacked(getattr(getattr(module, "base_layer", module), leaf))
        state[name] = weight + module.get_delta_weight("default").float() if adapted else weight
    plain.load_state_dict(state)
    plain.eval()
    before, after = model(**probe).logits.float(), plain(**probe).logits.float()
    difference = float((before - after).abs().max()) / max(float(before.abs().max()), 1e-6)
    require_equal(difference, allowed=3e-2)
    return plain, difference


def _unpacked(weight: torch.Tensor) -> torch.Tensor:
    state = getattr(weight, "quant_state", None)
    if state is None:
        return weight.float()
    from bitsandbytes.functional import dequantize_4bit

    return dequantize_4bit(weight.data, state).float()


def _probe(run: Run, tokenizer: Any) -> dict[str, torch.Tensor]:
    """Eight rows of pseudo-random tokens: any difference between two models shows in them."""
    generator = torch.Generator().manual_seed(run.config.seed)
    ids = torch.randint(0, len(tokenizer), (8, 24), generator=generator)
    ids[ids == tokenizer.pad_token_id] = tokenizer.eos_token_id
    return {"input_ids": ids, "attention_mask": torch.ones_like(ids)}


def model_card(run: Run, figures: Mapping[str, float]) -> str:
    """README.md of an exported model."""
    config = run.config
    lines = [
        "---",
        "library_name: transformers",
        f"tags: [rondo, {config.method}]",
        "---",
        f"# A model trained by {config.method}",
        "",
        "| | |",
        "|---|---|",
        f"| Base model | {_cell(Path(config.model.path).name)} |",
        f"| Method | {config.method} |",
        f"| Seed | {config.seed} |",
    ]
    lines += [
        f"| Data, {source.role} | {_cell(Path(source.path).name)} {source.sha256} |"
        for source in config.data
    ]
    if config.model.adapter is not None:
        lines.append(f"| Adapter, merged first | {_cell(Path(config.model.adapter).name)} |")
    if config.lora is not None:
        lines.append(f"| LoRA | r {config.lora.r}, alpha {config.lora.alpha:g}, merged |")
    lines += [f"| {_cell(name)} | {value:.6g} |" for name, value in sorted(figures.items())]
    lines += [
        "",
        "The licence of the base model and of the data applies. The exact settings stand in the "
        "run directory's run.json, the sha256 of every file in manifest.json.",
        "",
    ]
    return "\n".join(lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ").replace("`", "'")
