"""Is a model folder safe to load? Decided from its bytes, before any library touches it.

A model folder comes from anyone. What may be in it is listed here; everything else is refused, by
name and with the reason. The holes of recent years that this closes: weights as pickles
(CVE-2025-32434), code named by `auto_map` (CVE-2025-66448), `_attn_implementation_internal` in
config.json (CVE-2026-4372), chat-template names used as file names (CVE-2026-9856), endless
templates (CVE-2025-61620), and links that leave the folder.

No import of torch or transformers: this module is light, and a hostile folder meets only `json`.
"""

import json
import os
import re
import stat
import struct
from pathlib import Path
from typing import Any

from training.trainers.template_check import MAX_TEMPLATE_BYTES, Refused, check_template

MAX_JSON_BYTES = 64 * 1024 * 1024  # a tokenizer.json of 256,000 tokens has some 35 MB
MAX_CONFIG_BYTES = 1024 * 1024
MAX_HEADER_BYTES = 100 * 1024 * 1024  # as the safetensors library itself
MAX_FILES = 1000
MAX_DEPTH = 64

ALLOWED_NAMES = {
    "config.json",
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "vocab.txt",
    "merges.txt",
    "chat_template.jinja",
    "adapter_config.json",
    "manifest.json",
    "reward.json",
    "README.md",
    "LICENSE",
    "LICENSE.txt",
    "LICENSE.md",
    "NOTICE",
    ".gitattributes",
    # of sentence-transformers: read by training.trainers.embedding, and no module by its name
    "modules.json",
    "config_sentence_transformers.json",
    "sentence_bert_config.json",
    "pooling.json",
}
POOLING = "pooling.json"  # where a folder of sentence-transformers has 1_Pooling/config.json
STATIC = ("static token embeddings", "model2vec")  # how a config names vectors of single tokens
_MODULES = {"Transformer", "Pooling", "Normalize", "StaticEmbedding"}
_WEIGHTS = re.compile(r"[A-Za-z0-9_\-]{1,100}\.safetensors\Z")
_INDEX = re.compile(r"[A-Za-z0-9_\-]{1,100}\.safetensors\.index\.json\Z")
_PICKLES = (".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".joblib", ".npy", ".npz", ".h5")

# Keys that make a library import, download or choose code; no weight-holding config needs them.
FORBIDDEN_KEYS = {
    "auto_map": "it names Python code to run",
    "custom_pipelines": "it names Python code to run",
    "trust_remote_code": "it switches on code from the folder",
    "_attn_implementation": "it can name a kernel to download",
    "_attn_implementation_internal": "it can name a kernel to download",
    "attn_implementation": "it can name a kernel to download",
    "_experts_implementation": "it can name a kernel to download",
    "_experts_implementation_internal": "it can name a kernel to download",
    "experts_implementation": "it can name a kernel to download",
    "use_kernels": "it downloads kernels",
    "kernel_config": "it downloads kernels",
    "quantization_config": "a quantised base is chosen in run.json, not by the folder",
    "runtime_config": "it loads code for evaluation",
    "megatron_config": "it loads code at run time",
    "model_file": "it names a file outside the list",
    "gguf_file": "it names a file outside the list",
}
# A tokenizer class is looked up by name among those of transformers; a path is never one.
_CLASS_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,80}\Z")
_MODEL_TYPE = re.compile(r"[a-z0-9][a-z0-9_\-]{0,60}\Z")
_TEMPLATE_NAME = re.compile(r"[A-Za-z0-9_\-]{1,60}\Z")

_DTYPE_BITS = {
    "F64": 64,
    "F32": 32,
    "F16": 16,
    "BF16": 16,
    "I64": 64,
    "I32": 32,
    "I16": 16,
    "I8": 8,
    "U64": 64,
    "U32": 32,
    "U16": 16,
    "U8": 8,
    "BOOL": 8,
    "F8_E4M3": 8,
    "F8_E5M2": 8,
}


def check_model_folder(folder: Path) -> list[str]:
    """Every reason to refuse `folder`, as sentences; an empty list means that it may be loaded."""
    try:
        entries = _entries(folder)
    except Refused as reason:
        return [str(reason)]
    problems = []
    for entry in entries:
        try:
            _check_file(folder / entry.name, {other.name for other in entries})
        except Refused as reason:
            problems.append(str(reason))
        except RecursionError:
            problems.append(f"{entry.name} is nested too deeply.")
    names = {entry.name for entry in entries}
    if not problems:
        if not names & {"config.json", "adapter_config.json"}:
            problems.append("it has neither a config.json nor an adapter_config.json.")
        if not any(_WEIGHTS.match(name) for name in names):
            problems.append("it holds no .safetensors file; other weights are not read.")
    return problems


def is_static(folder: Path) -> bool:
    """Whether a checked folder holds one vector for each token, and no network."""
    path = folder / "config.json"
    config = json.loads(path.read_text()) if path.exists() else {}
    return _says_static(config)


def _says_static(config: dict[str, Any]) -> bool:
    said = (config.get("kind"), config.get("model_type"))
    return any(isinstance(name, str) and name.startswith(STATIC) for name in said)


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    if folder.is_symlink() or not folder.is_dir():
        raise Refused(f"{folder.name} is not a folder.")
    with os.scandir(folder) as found:
        entries = []
        for entry in found:
            entries.append(entry)
            if len(entries) > MAX_FILES:
                raise Refused(f"it has more than {MAX_FILES} files.")
    return sorted(entries, key=lambda entry: entry.name)


def _check_file(path: Path, names: set[str]) -> None:
    status = path.lstat()
    shown = ascii(path.name)
    if stat.S_ISLNK(status.st_mode):
        raise Refused(f"{shown} is a symbolic link; links are not followed.")
    if stat.S_ISDIR(status.st_mode):
        raise Refused(f"{shown} is a folder; a model folder holds files only.")
    if not stat.S_ISREG(status.st_mode):
        raise Refused(f"{shown} is a pipe, socket or device, not a file.")
    if status.st_nlink > 1:
        raise Refused(f"{shown} is a hard link: it has {status.st_nlink} names.")
    _check_contents(path, names, status.st_size)


def _check_contents(path: Path, names: set[str], size: int) -> None:
    shown = ascii(path.name)
    if path.suffix.lower() in _PICKLES or path.name.endswith(".tar"):
        raise Refused(f"{shown} may hold a pickle, which runs code when loaded; safetensors only.")
    if path.suffix == ".py":
        raise Refused(f"{shown} is Python code; code from a model folder is never run.")
    if _WEIGHTS.match(path.name):
        check_safetensors(path)
    elif _INDEX.match(path.name):
        _check_index(path, names)
    elif path.name not in ALLOWED_NAMES:
        raise Refused(f"{shown} is not on the list of files that a model folder may hold.")
    elif path.suffix == ".json":
        _check_json_file(path, names)
    elif path.suffix == ".jinja":
        if size > MAX_TEMPLATE_BYTES:
            raise Refused(f"{shown} has {size} bytes; {MAX_TEMPLATE_BYTES} are allowed.")
        check_template(_text(path, MAX_TEMPLATE_BYTES), path.name)
    elif size > MAX_JSON_BYTES:
        raise Refused(f"{shown} has {size} bytes; {MAX_JSON_BYTES} are allowed.")


def _check_json_file(path: Path, names: set[str]) -> None:
    small = path.name in ("config.json", "generation_config.json", "adapter_config.json")
    value = _json(path, MAX_CONFIG_BYTES if small else MAX_JSON_BYTES)
    if path.name == "modules.json":
        _check_modules(value, names)
        return
    if not isinstance(value, dict):
        raise Refused(f"{path.name} must be a JSON object.")
    if path.name in ("tokenizer.json", "vocab.json", "manifest.json", "added_tokens.json"):
        # Data, not settings: the keys are tokens. The tokenizers library parses it strictly.
        return
    _check_keys(value, path.name, 0)
    if path.name == "config.json":
        _check_config(value)
    elif path.name == "tokenizer_config.json":
        _check_tokenizer_config(value)
    elif path.name == "adapter_config.json":
        _check_adapter_config(value)


def _check_keys(value: Any, where: str, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise Refused(f"{where} is nested deeper than {MAX_DEPTH} levels.")
    if isinstance(value, dict):
        for key, entry in value.items():
            if key in FORBIDDEN_KEYS and entry not in (None, False):
                raise Refused(f"{where} has the key {key!r}: {FORBIDDEN_KEYS[key]}.")
            _check_keys(entry, where, depth + 1)
    elif isinstance(value, list):
        for entry in value:
            _check_keys(entry, where, depth + 1)


def _check_modules(value: Any, names: set[str]) -> None:
    """The parts of a sentence-transformers folder, which its library would import by name."""
    rows = value if isinstance(value, list) else [None]
    kinds = [
        str(row.get("type", "")).rsplit(".", 1)[-1] if isinstance(row, dict) else "" for row in rows
    ]
    if unknown := sorted(set(kinds) - _MODULES):
        raise Refused(
            f"modules.json asks for {unknown[0][:60]!r}; read are {', '.join(sorted(_MODULES))}."
        )
    if "Pooling" in kinds and POOLING not in names:
        raise Refused(
            f"modules.json asks for a pooling, and {POOLING} is missing. Give 1_Pooling/config.json"
            " under that name, or the model as a zip."
        )


def _check_config(value: dict[str, Any]) -> None:
    model_type = value.get("model_type", "static" if _says_static(value) else None)
    if not isinstance(model_type, str) or not _MODEL_TYPE.match(model_type):
        raise Refused(f"config.json has the model_type {model_type!r}, which names no model.")
    architectures = value.get("architectures") or []
    if not isinstance(architectures, list) or not all(
        isinstance(name, str) and _CLASS_NAME.match(name) for name in architectures
    ):
        raise Refused("config.json has architectures that are no class names.")
    for key, entry in value.items():
        # Building such a model would take the host's memory before any weight is read.
        if isinstance(entry, int) and not isinstance(entry, bool) and abs(entry) > 2**31:
            raise Refused(f"config.json has {key} = {entry}, beyond any model.")
    sizes = ("num_hidden_layers", "hidden_size", "intermediate_size", "vocab_size")
    for key, most in zip(sizes, (1000, 2**17, 2**20, 2**22), strict=True):
        size = value.get(key, 1)
        if not isinstance(size, int) or not 0 <= size <= most:
            raise Refused(f"config.json has {key} = {size!r}; at most {most} is allowed.")


def _check_tokenizer_config(value: dict[str, Any]) -> None:
    name = value.get("tokenizer_class")
    if name is not None and not (isinstance(name, str) and _CLASS_NAME.match(name)):
        raise Refused(f"tokenizer_config.json has the tokenizer_class {name!r}, which is no class.")
    for key in ("vocab_file", "merges_file", "tokenizer_file", "added_tokens_file", "spm_file"):
        if value.get(key) is not None:
            raise Refused(f"tokenizer_config.json has {key}: files are found by their usual names.")
    templates = value.get("chat_template")
    if templates is None or isinstance(templates, str):
        if templates:
            check_template(templates, "tokenizer_config.json")
        return
    if isinstance(templates, list):
        rows = [item if isinstance(item, dict) else {} for item in templates]
        named = [(row.get("name"), row.get("template")) for row in rows]
    elif isinstance(templates, dict):
        named = list(templates.items())
    else:
        raise Refused("tokenizer_config.json has a chat_template that is no text.")
    for name, text in named:
        # Saving the tokenizer makes a file of each name (CVE-2026-9856).
        if not (isinstance(name, str) and _TEMPLATE_NAME.match(name)):
            raise Refused(f"tokenizer_config.json names a chat template {name!r}: no safe name.")
        if not isinstance(text, str):
            raise Refused("tokenizer_config.json has a chat template that is no text.")
        check_template(text, "tokenizer_config.json")


def _check_adapter_config(value: dict[str, Any]) -> None:
    if value.get("peft_type") != "LORA":
        raise Refused(
            f"adapter_config.json has peft_type {value.get('peft_type')!r}; LORA is read."
        )
    if value.get("loftq_config") or value.get("eva_config") or value.get("corda_config"):
        raise Refused("adapter_config.json asks for a data-driven start, which loads more files.")


def check_safetensors(path: Path) -> None:
    """Read the header of a safetensors file and hold every number in it to the file's size."""
    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(8)
        if len(start) < 8:
            raise Refused(f"{path.name} is too short to be a safetensors file.")
        (length,) = struct.unpack("<Q", start)
        if length > MAX_HEADER_BYTES or 8 + length > size:
            raise Refused(f"{path.name} claims a header of {length} bytes; the file has {size}.")
        text = file.read(length)
    try:
        header = json.loads(text, parse_constant=_no_constants, object_pairs_hook=_no_duplicates)
    except (ValueError, RecursionError) as error:
        raise Refused(f"{path.name} has a header that cannot be read: {error}.") from error
    if not isinstance(header, dict):
        raise Refused(f"{path.name} has a header that is no JSON object.")
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict):
        raise Refused(f"{path.name} has metadata that is no JSON object.")
    spans = sorted(_span(path.name, name, entry) for name, entry in header.items())
    at = 0
    for begin, end in spans:
        if begin != at:
            raise Refused(f"{path.name} has tensors that overlap or leave a hole at byte {at}.")
        at = end
    if 8 + length + at != size:
        raise Refused(f"{path.name} has {size} bytes where its header describes {8 + length + at}.")


def _span(file: str, name: str, entry: Any) -> tuple[int, int]:
    """Where a tensor begins and ends; refused unless that is its shape times its element size."""
    try:
        begin, end = entry["data_offsets"]
        count = 1
        for length in entry["shape"]:
            if type(length) is not int or length < 0:
                raise ValueError("a length that is no number")
            count *= length
            if count > 2**48:
                raise ValueError("a shape beyond any memory")
        if type(begin) is not int or type(end) is not int or not 0 <= begin <= end:
            raise ValueError("offsets that are no range")
        if (end - begin) * 8 != count * _DTYPE_BITS[entry["dtype"]]:
            raise ValueError("a shape that does not fit its bytes")
    except (KeyError, TypeError, ValueError) as error:
        raise Refused(f"{file} describes the tensor {name[:80]!r} wrongly: {error}.") from error
    return begin, end


def _check_index(path: Path, names: set[str]) -> None:
    value = _json(path, MAX_JSON_BYTES)
    files = value.get("weight_map") if isinstance(value, dict) else None
    if not isinstance(files, dict):
        raise Refused(f"{path.name} has no weight_map.")
    for file in set(map(str, files.values())):
        if not _WEIGHTS.match(file):
            raise Refused(f"{path.name} points to {file!r}, which is no file of this folder.")
        if file not in names:
            raise Refused(f"{path.name} points to {file!r}, which is missing.")


def _json(path: Path, most: int) -> Any:
    try:
        return json.loads(_text(path, most), object_pairs_hook=_no_duplicates)
    except (ValueError, RecursionError) as error:
        raise Refused(f"{path.name} cannot be read as JSON: {error}.") from error


def _text(path: Path, most: int) -> str:
    with path.open("rb") as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise Refused(f"{path.name} is larger than the {most} bytes allowed.")
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise Refused(f"{path.name} is not UTF-8 text: {error}.") from error


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    # Two readers may take different ones of two equal keys; then what is checked is not what loads.
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return found


def _no_constants(name: str) -> Any:
    raise ValueError(f"{name} is no number")
