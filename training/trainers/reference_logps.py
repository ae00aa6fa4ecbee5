"""The reference's log-probabilities, computed once and kept in the run directory.

The reference never moves, so one pass over the data saves a third of every step of DPO and the
memory of a second model. A resumed run reads them back, bit for bit.
"""

import hashlib
from typing import Any, Protocol

import torch
from torch import Tensor

from training.trainers.learned_tokens import learned_tokens
from training.trainers.loading import device_of, uses_bf16
from training.trainers.run_directory import Run
from training.trainers.state_io import write_safetensors


class PairBatches(Protocol):
    """What is scored: batches of chosen rows followed by rejected ones."""

    def batches(self, size: int) -> list[dict[str, Any]]: ...


@torch.no_grad()
def stored_reference(run: Run, name: str, model: Any, pairs: PairBatches) -> Tensor:
    """Summed log-probabilities of the answers, float32 (pairs, 2): chosen, rejected.

    Read from the run directory if they are there for the same data and model; otherwise computed,
    by every process alike, and written by the first one.
    """
    from safetensors.torch import load_file

    path = run.path / f"reference_{name}.safetensors"
    key = _key(run)
    if path.exists():
        stored = load_file(path)
        if bytes(stored["key"].tolist()).decode() == key:
            return stored["logps"]
    model.eval()
    device = device_of(run)
    parts = []
    for batch in pairs.batches(run.config.training.micro_batch_size):
        run.stop.check()
        inputs = {k: batch[k].to(device) for k in ("input_ids", "attention_mask")}
        labels = batch["labels"].to(device)
        with torch.autocast(device.type, torch.bfloat16, enabled=uses_bf16(run)):
            sums = learned_tokens(model, inputs, labels).sums(len(labels))
        parts.append(torch.stack(sums.float().cpu().chunk(2), dim=1))
    logps = torch.cat(parts)
    if run.is_main and not run.dry_run:
        draft = path.with_name(f".{path.name}.draft")
        write_safetensors(draft, {"logps": logps, "key": torch.tensor(list(key.encode())).byte()})
        draft.replace(path)
    return logps


def _key(run: Run) -> str:
    """Changes with anything that the log-probabilities depend on; inputs.json holds the sha256s."""
    inputs = run.path / "inputs.json"
    parts = [inputs.read_bytes() if inputs.exists() else b""]
    parts += [str(run.config.reference or run.config.model).encode()]
    parts += [str((run.config.training.max_length, run.config.precision)).encode()]
    parts += [str((run.config.training.micro_batch_size, run.config.quantization)).encode()]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()
