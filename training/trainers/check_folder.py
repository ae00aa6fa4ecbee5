"""`python -m training.trainers.check_folder FOLDER ANSWER`: may a model folder be registered?

Writes {"problems": [sentences], "kind": policy | reward | adapter | embedder, "facts": {...}} to
the file ANSWER. A process of its own, so that a hostile folder harms nobody who goes on living;
without torch, so that it answers in a second.
"""

import json
import struct
import sys
from pathlib import Path
from typing import Any

from training.trainers.model_folder import check_model_folder, is_static

FACTS = {
    "model_type": ("model_type",),
    "layers": ("num_hidden_layers", "n_layer"),
    "hidden": ("hidden_size", "n_embd", "dim"),
    "vocabulary": ("vocab_size",),
    "positions": ("max_position_embeddings", "n_positions"),
    "dtype": ("dtype", "torch_dtype"),
}


def main(arguments: list[str]) -> int:
    folder, answer = Path(arguments[0]), Path(arguments[1])
    problems = check_model_folder(folder)
    found: dict[str, Any] = {"problems": problems}
    if not problems:
        found |= describe(folder)
    answer.write_text(json.dumps(found))
    return 0


def describe(folder: Path) -> dict[str, Any]:
    """Kind and facts of a folder that was found harmless."""
    adapter = folder / "adapter_config.json"
    config_path = folder / "config.json"
    config = _object(config_path if config_path.exists() else adapter)
    facts: dict[str, Any] = {}
    for name, keys in FACTS.items():
        value = next((config[key] for key in keys if config.get(key) is not None), None)
        if isinstance(value, str | int):
            facts[name] = value
    facts["parameters"] = sum(map(parameters, sorted(folder.glob("*.safetensors"))))
    tokenizer = folder / "tokenizer_config.json"
    facts["chat"] = (folder / "chat_template.jinja").exists() or bool(
        tokenizer.exists() and _object(tokenizer).get("chat_template")
    )
    kind = "policy"
    if adapter.exists() and not config_path.exists():
        kind = "adapter"
        base = str(config.get("base_model_name_or_path") or "")
        facts["base"] = "" if base.startswith("/") else base[:200]  # a folder elsewhere
        facts["rank"] = config["r"] if isinstance(config.get("r"), int) else 0
        facts["adapts"] = "reward" if _has_head(folder) else "policy"
    elif any("SequenceClassification" in name for name in config.get("architectures") or []):
        kind = "reward"
    elif is_embedder(folder, config):
        kind = "embedder"
        facts["static"] = is_static(folder)
    return {"kind": kind, "facts": facts}


def is_embedder(folder: Path, config: dict[str, Any]) -> bool:
    """Whether it makes vectors of texts: static, of sentence-transformers, or without a head."""
    heads = [str(name) for name in config.get("architectures") or []]
    headless = all(name.endswith("Model") and "LMHead" not in name for name in heads)
    return is_static(folder) or (folder / "modules.json").exists() or bool(heads and headless)


def parameters(path: Path) -> int:
    """Numbers in a safetensors file, by its header."""
    count = 0
    for name, entry in _header(path).items():
        if name != "__metadata__":
            size = 1
            for side in entry["shape"]:
                size *= side
            count += size
    return count


def _has_head(folder: Path) -> bool:
    """Whether an adapter brings the head that scores."""
    names = [name for path in folder.glob("*.safetensors") for name in _header(path)]
    return any(name.endswith(".score.weight") for name in names)


def _header(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header: dict[str, Any] = json.loads(file.read(length))
    return header


def _object(path: Path) -> dict[str, Any]:
    value = json.loads(path.read_text())
    return value if isinstance(value, dict) else {}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
