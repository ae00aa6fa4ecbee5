"""State on disk without pickle: nested dicts, lists and numbers as JSON, tensors as safetensors.

`write_tree(stem, tree)` makes `stem.json` and, if there are tensors, `stem.safetensors`;
`read_tree(stem)` gives back an equal tree, bit for bit. Understood: dict (any str, int, float, bool
or None as key), list, tuple, str, int, float (NaN and infinities too), bool, None, bytes,
torch.Tensor, numpy arrays and scalars. Two entries that are the same tensor in memory (tied
weights) are written once and read back as one tensor.

The tensors are written one after another, so that a checkpoint never needs a second copy of the
model in memory; torch is only imported when a tree holds tensors.
"""

import base64
import json
import math
import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

_DTYPE_NAMES = {
    "float64": "F64",
    "float32": "F32",
    "float16": "F16",
    "bfloat16": "BF16",
    "int64": "I64",
    "int32": "I32",
    "int16": "I16",
    "int8": "I8",
    "uint8": "U8",
    "bool": "BOOL",
}


def write_tree(stem: Path, tree: Any) -> None:
    """Write `tree` beside `stem` (a path without suffix).

    Raises TypeError, naming the place, for a value that has no safe form.
    """
    tensors: dict[str, torch.Tensor] = {}
    shape = _encode(tree, "$", tensors, {})
    if tensors:
        write_safetensors(stem.with_name(stem.name + ".safetensors"), tensors)
    path = stem.with_name(stem.name + ".json")
    path.write_text(json.dumps(shape, allow_nan=False, separators=(",", ":")))


def read_tree(stem: Path, device: str = "cpu") -> Any:
    """The tree that `write_tree` wrote beside `stem`, with its tensors on `device`."""
    shape = json.loads(stem.with_name(stem.name + ".json").read_text())
    weights = stem.with_name(stem.name + ".safetensors")
    tensors: dict[str, Any] = {}
    if weights.exists():
        from safetensors.torch import load_file

        tensors = load_file(weights, device=device)
    return _decode(shape, tensors)


def write_safetensors(
    path: Path, tensors: "dict[str, torch.Tensor]", metadata: dict[str, str] | None = None
) -> None:
    """Write a safetensors file holding one tensor at a time in host memory."""
    import torch

    header: dict[str, Any] = {"__metadata__": metadata} if metadata else {}
    # Widest elements first keeps every tensor aligned to its element size, as readers expect.
    names = sorted(tensors, key=lambda name: (-tensors[name].element_size(), name))
    offset = 0
    for name in names:
        tensor = tensors[name]
        end = offset + tensor.numel() * tensor.element_size()
        header[name] = {
            "dtype": _DTYPE_NAMES[str(tensor.dtype).removeprefix("torch.")],
            "shape": list(tensor.shape),
            "data_offsets": [offset, end],
        }
        offset = end
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(text)))
        file.write(text)
        for name in names:
            tensor = tensors[name].detach().contiguous().cpu()
            if tensor.numel():
                file.write(memoryview(tensor.reshape(-1).view(torch.uint8).numpy()))


def fsync_tree(folder: Path) -> None:
    """Force every file below `folder`, and the folders themselves, to the disk."""
    for path in [folder, *sorted(folder.rglob("*"))]:
        fsync_path(path)


def fsync_path(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_atomically(path: Path, data: bytes) -> None:
    """Replace `path` by `data` so that a reader sees the old file or the new one, never a part."""
    draft = path.with_name(f".{path.name}.draft")
    try:
        with draft.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except OSError:
        draft.unlink(missing_ok=True)
        raise
    fsync_path(path.parent)


# One-key objects mark what JSON lacks; a plain dict is only written as an object when its keys are
# texts that cannot be taken for a mark.
_MARKS = ("$tensor", "$tuple", "$items", "$float", "$bytes", "$array")


def _encode(value: Any, where: str, tensors: dict[str, Any], seen: dict[Any, str]) -> Any:
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else {"$float": repr(float(value))}
    if isinstance(value, bytes):
        return {"$bytes": base64.b64encode(value).decode()}
    if isinstance(value, dict):
        return _encode_dict(value, where, tensors, seen)
    if isinstance(value, (list, tuple)):
        items = [_encode(v, f"{where}[{i}]", tensors, seen) for i, v in enumerate(value)]
        return items if isinstance(value, list) else {"$tuple": items}
    return _encode_numeric(value, where, tensors, seen)


def _encode_dict(
    value: dict[Any, Any], where: str, tensors: dict[str, Any], seen: dict[Any, str]
) -> Any:
    for key in value:
        if not (key is None or isinstance(key, (str, int, float, bool))):
            raise TypeError(
                f"{where} has a key of type {type(key).__name__}, which has no safe form."
            )
    items = {key: _encode(entry, f"{where}.{key}", tensors, seen) for key, entry in value.items()}
    if all(isinstance(key, str) for key in items) and not (len(items) == 1 and _marked(items)):
        return items
    return {"$items": [[_encode(k, where, tensors, seen), v] for k, v in items.items()]}


def _encode_numeric(value: Any, where: str, tensors: dict[str, Any], seen: dict[Any, str]) -> Any:
    import numpy
    import torch

    if isinstance(value, numpy.generic):
        return _encode(value.item(), where, tensors, seen)
    if isinstance(value, numpy.ndarray):
        if (
            value.dtype == numpy.uint32
        ):  # numpy's own generator state; torch keeps no such arithmetic
            return {"$array": ["uint32", value.tolist()]}
        return {
            "$array": [str(value.dtype), _encode(torch.from_numpy(value), where, tensors, seen)]
        }
    if isinstance(value, torch.Tensor):
        if str(value.dtype).removeprefix("torch.") not in _DTYPE_NAMES:
            raise TypeError(f"{where} is a tensor of {value.dtype}, which has no safe form.")
        same = (value.data_ptr(), value.shape, value.stride(), value.dtype, value.device)
        if value.numel() == 0 or same not in seen:
            seen[same] = f"t{len(tensors)}"
            tensors[seen[same]] = value
        return {"$tensor": seen[same]}
    raise TypeError(f"{where} is a {type(value).__name__}, which has no safe form.")


def _marked(items: dict[Any, Any]) -> bool:
    return next(iter(items)) in _MARKS


def _decode(value: Any, tensors: dict[str, Any]) -> Any:
    if isinstance(value, list):
        return [_decode(item, tensors) for item in value]
    if not isinstance(value, dict):
        return value
    if len(value) != 1 or not _marked(value):
        return {key: _decode(item, tensors) for key, item in value.items()}
    ((mark, inner),) = value.items()
    if mark == "$tensor":
        return tensors[inner]
    if mark == "$tuple":
        return tuple(_decode(item, tensors) for item in inner)
    if mark == "$items":
        return {_decode(key, tensors): _decode(item, tensors) for key, item in inner}
    if mark == "$float":
        return float(inner)
    if mark == "$bytes":
        return base64.b64decode(inner)
    import numpy

    dtype, items = inner
    return numpy.array(items, dtype=dtype) if dtype == "uint32" else _decode(items, tensors).numpy()


def tensors_of(tree: Any) -> "Iterator[torch.Tensor]":
    """Every tensor in a tree, for counting bytes or checking that all are finite."""
    import torch

    if isinstance(tree, torch.Tensor):
        yield tree
    elif isinstance(tree, dict):
        for entry in tree.values():
            yield from tensors_of(entry)
    elif isinstance(tree, (list, tuple)):
        for entry in tree:
            yield from tensors_of(entry)
