"""Weights, gradients and optimiser shared out over processes, by PyTorch's FSDP2.

`zero3` keeps a shard of everything on each process and gathers the weights of one layer at a time;
`zero2` keeps the gathered weights from the forward to the backward pass: the stages of ZeRO
(arXiv:1910.02054). A checkpoint holds whole tensors whatever the launch: a run that began sharded
can go on in one process, and the other way round.

Asked for by `training.sharding`, or by `accelerate launch` with a configuration of
training/launch. accelerate only starts the processes: what it would wrap is sharded here, the same
way on GPUs and, for tests, on CPUs over gloo.
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Literal

import torch
from torch import Tensor, nn

from training.trainers.outcome import BadInput
from training.trainers.run_config import RunConfig

Sharding = Literal["none", "zero2", "zero3"]


def sharding_of(config: RunConfig, world_size: int) -> Sharding:
    """What the run asks for, or its launcher; `none` for one process, which has nothing to share.

    Raises BadInput for what cannot be sharded here.
    """
    wanted: Sharding = _launched() or config.training.sharding
    if wanted == "none" or world_size == 1:
        return "none"
    if config.method in ("raft", "best_of_n"):
        raise BadInput(
            f"{config.method} keeps whole weights on every device, since its processes have "
            "unequal work. Set training.sharding to none, and train adapters (lora) when a model "
            "does not fit."
        )
    if config.quantization != "none":
        raise BadInput(
            f"quantization is {config.quantization!r} together with sharding {wanted}: 4-bit "
            "weights are not sharded. Launch with torchrun and training.sharding none."
        )
    if config.lora is not None:
        raise BadInput(
            f"lora together with sharding {wanted}: adapters are small, and switching them on and "
            "off is not something that shards can follow. Set training.sharding to none."
        )
    return wanted


def _launched() -> Sharding | None:
    """What `accelerate launch` was configured for. Raises BadInput for another engine."""
    if os.environ.get("ACCELERATE_USE_DEEPSPEED", "false").lower() == "true":
        raise BadInput(
            "The launch configuration asks for DeepSpeed, whose checkpoints are not those of a "
            "run directory. Use training/launch/zero2.yaml or zero3.yaml: the same stages by "
            "PyTorch's FSDP2."
        )
    if os.environ.get("ACCELERATE_USE_FSDP", "false").lower() != "true":
        return None
    if os.environ.get("FSDP_VERSION", "1") != "2":
        raise BadInput(
            f"The launch configuration asks for FSDP {os.environ.get('FSDP_VERSION', '1')}; only "
            "version 2 is supported. Use training/launch/fsdp2.yaml, or set fsdp_version: 2."
        )
    if os.environ.get("FSDP_OFFLOAD_PARAMS", "false").lower() == "true":
        raise BadInput(
            "The launch configuration asks for fsdp_offload_params, which is not supported. Set "
            "it to false, and train adapters (lora, quantization nf4) when a model does not fit."
        )
    gathered = os.environ.get("FSDP_RESHARD_AFTER_FORWARD", "true").lower()
    return "zero2" if gathered in ("false", "shard_grad_op") else "zero3"


def keep_accelerate_out() -> None:
    """To be called before accelerate looks: it must start no sharding of its own."""
    os.environ.pop("ACCELERATE_USE_FSDP", None)


def shard(module: nn.Module, sharding: Sharding, device: torch.device) -> None:
    """Share out the parameters of `module` in place, layer by layer; every process must call it.

    Gradients are averaged over processes, as under DDP; `sum_gradients` makes it a sum.
    """
    if sharding == "none":
        return
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    mesh = init_device_mesh(device.type, (torch.distributed.get_world_size(),))
    options: dict[str, Any] = {"mesh": mesh, "reshard_after_forward": sharding == "zero3"}
    names = set(getattr(module, "_no_split_modules", None) or ())
    for layer in [m for m in module.modules() if type(m).__name__ in names]:
        fully_shard(layer, **options)
    fully_shard(module, **options)


def sum_gradients(module: nn.Module) -> None:
    """From now on gradients of this sharded module are summed over processes, not averaged."""
    for part in _shards(module):
        part.set_gradient_divide_factor(1.0)
        part.set_force_sum_reduction_for_comms(True)  # gloo cannot scale while it sums


def is_sharded(module: nn.Module) -> bool:
    return next(_shards(module), None) is not None


@contextmanager
def whole_weights(*modules: nn.Module | None, sharding: Sharding) -> Iterator[None]:
    """Within, every process holds all weights and its forwards need no other process: for
    generating and evaluating, where processes do not step together. All must enter and leave."""
    parts = [part for module in modules if module is not None for part in _shards(module)]
    for part in parts:
        part.set_reshard_after_forward(False, recurse=False)
        part.unshard()
    try:
        yield
    finally:
        for part in parts:
            part.reshard()
            part.set_reshard_after_forward(sharding == "zero3", recurse=False)


def make_whole(module: nn.Module) -> None:
    """Undo `shard` for good; every process must call it. The optimiser keeps its shards, so that
    nothing can be trained afterwards."""
    parts = list(_shards(module))
    for part in parts:
        part.set_reshard_after_forward(False, recurse=False)
        part.unshard()
        part.__class__ = type(part).__mro__[2]  # FSDP2 put a class of its own before it
    for inner in module.modules() if parts else ():
        # Its hooks would share the weights out again, those of state_dict() too.
        for hooks in (
            inner._state_dict_pre_hooks,
            inner._load_state_dict_pre_hooks,
            inner._forward_pre_hooks,
            inner._forward_hooks,
        ):
            for key in [key for key, hook in hooks.items() if _is_of_fsdp(hook)]:
                del hooks[key]


def gathered(tree: Any, *, keep: bool) -> Any:
    """A tree of dicts, lists and tensors with whole tensors for shards, on the CPU; every process
    must call it. Where `keep` is false the tensors are let go, one by one."""
    if isinstance(tree, dict):
        return {key: gathered(value, keep=keep) for key, value in tree.items()}
    if isinstance(tree, (list, tuple)):
        return type(tree)(gathered(value, keep=keep) for value in tree)
    if hasattr(tree, "full_tensor"):
        whole = tree.full_tensor()
        return whole.cpu() if keep else None
    return tree


def part_of(whole: Tensor, like: Tensor) -> Tensor:
    """This process's shard of a whole tensor, laid out as `like`; itself where that is whole."""
    if not hasattr(like, "full_tensor"):
        return whole
    from torch.distributed.tensor import DTensor, distribute_tensor

    assert isinstance(like, DTensor)
    local = whole.to(like.device)
    return distribute_tensor(local, like.device_mesh, like.placements, src_data_rank=None)


def optimiser_parts(state: dict[str, Any], parameters: Iterable[Tensor]) -> dict[str, Any]:
    """An optimiser's whole state with this process's shards of it; `parameters` in its order."""
    order = list(parameters)
    parts = {
        place: {
            name: part_of(value, order[int(place)])
            if isinstance(value, Tensor) and value.shape == order[int(place)].shape
            else value
            for name, value in moments.items()
        }
        for place, moments in state["state"].items()
    }
    return {**state, "state": parts}


def _shards(module: nn.Module) -> Iterator[Any]:
    if not torch.distributed.is_initialized():
        return iter(())
    from torch.distributed.fsdp import FSDPModule

    return (part for part in module.modules() if isinstance(part, FSDPModule))


def _is_of_fsdp(hook: Any) -> bool:
    written = getattr(hook, "hook", hook)  # load hooks are wrapped
    return "fsdp" in str(getattr(written, "__module__", ""))
