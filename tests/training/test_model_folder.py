"""Hostile model folders: each is refused with its own reason, before any library opens it."""

import json
import os
import pickle
import shutil
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from training.trainers.model_folder import check_model_folder

pytestmark = pytest.mark.heavy

MARKER = "rondo-was-here"


@pytest.fixture
def folder(tmp_path: Path, base: Path) -> Path:
    return Path(shutil.copytree(base, tmp_path / "model"))


class Bomb:
    """Unpickling this writes a file."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def __reduce__(self) -> Any:
        return (Path.touch, (self.place / MARKER,))


def edit(folder: Path, name: str, **changes: Any) -> None:
    path = folder / name
    value = json.loads(path.read_text()) if path.exists() else {}
    path.write_text(json.dumps({**value, **changes}))


def pickled(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).write_bytes(pickle.dumps(Bomb(folder.parent)))


def weights(header: bytes, data: bytes = b"") -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + data)

    return write


def template(text: str) -> Callable[[Path], None]:
    return lambda folder: (folder / "chat_template.jinja").write_text(text)


def replace_by(name: str, make: Callable[[Path], None]) -> Callable[[Path], None]:
    def act(folder: Path) -> None:
        (folder / name).unlink(missing_ok=True)
        make(folder / name)

    return act


def tensors(**spans: tuple[list[int], list[int]]) -> bytes:
    return json.dumps(
        {
            name: {"dtype": "F32", "shape": shape, "data_offsets": offsets}
            for name, (shape, offsets) in spans.items()
        }
    ).encode()


def without_weights(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    pickled("pytorch_model.bin")(folder)


def index(target: str) -> Callable[[Path], None]:
    return lambda folder: edit(
        folder, "model.safetensors.index.json", weight_map={"a": target}, metadata={}
    )


NESTED = "{% for a in range(900) %}" * 4 + "{% endfor %}" * 4
HOSTILE: dict[str, tuple[Callable[[Path], None], str]] = {
    "pickled weights": (pickled("pytorch_model.bin"), "may hold a pickle"),
    "only pickled weights": (without_weights, "may hold a pickle"),
    "a value head": (pickled("vhead.bin"), "may hold a pickle"),
    "training arguments": (pickled("training_args.bin"), "may hold a pickle"),
    "generator state": (pickled("rng_state.pth"), "may hold a pickle"),
    "optimiser state": (pickled("optimizer.pt"), "may hold a pickle"),
    "an array": (pickled("embeddings.npy"), "may hold a pickle"),
    "code": (lambda f: (f / "modeling_x.py").write_text("import os"), "is Python code"),
    "auto_map": (
        lambda f: edit(f, "config.json", auto_map={"AutoModel": "x--y.Z"}),
        "it names Python code to run",
    ),
    "auto_map of a tokenizer": (
        lambda f: edit(f, "tokenizer_config.json", auto_map={"AutoTokenizer": ["x.Y", None]}),
        "it names Python code to run",
    ),
    "nested auto_map": (
        lambda f: edit(f, "config.json", text_config={"auto_map": {"AutoModel": "x.Y"}}),
        "it names Python code to run",
    ),
    "trust_remote_code": (
        lambda f: edit(f, "config.json", trust_remote_code=True),
        "it switches on code",
    ),
    "attention kernel": (
        lambda f: edit(f, "config.json", _attn_implementation="evil/kernel"),
        "can name a kernel",
    ),
    "internal attention kernel": (
        lambda f: edit(f, "config.json", _attn_implementation_internal="evil/kernel"),
        "can name a kernel",
    ),
    "quantisation": (
        lambda f: edit(f, "config.json", quantization_config={"quant_method": "gptq"}),
        "chosen in run.json",
    ),
    "a model type that is a path": (
        lambda f: edit(f, "config.json", model_type="../../evil"),
        "names no model",
    ),
    "a tokenizer class that is a path": (
        lambda f: edit(f, "tokenizer_config.json", tokenizer_class="evil.Module"),
        "which is no class",
    ),
    "a tokenizer file elsewhere": (
        lambda f: edit(f, "tokenizer_config.json", vocab_file="/etc/passwd"),
        "found by their usual names",
    ),
    "a huge model": (lambda f: edit(f, "config.json", hidden_size=2**40), "beyond any model"),
    "a deep model": (lambda f: edit(f, "config.json", num_hidden_layers=10**6), "at most 1000"),
    "template names that are paths": (
        lambda f: edit(
            f, "tokenizer_config.json", chat_template=[{"name": "../../x", "template": "a"}]
        ),
        "no safe name",
    ),
    "template keys that are paths": (
        lambda f: edit(f, "tokenizer_config.json", chat_template={"../x": "a"}),
        "no safe name",
    ),
    "a template that loops": (template(NESTED), "does not end|more time or memory"),
    "a template that counts far": (template("{% for a in range(10**9) %}{% endfor %}"), "grow"),
    "a template that counts": (template("{% for a in range(99999) %}{% endfor %}"), "counts"),
    "a template that multiplies": (template("{{ 'a' * 9999999999 }}"), "multiplies"),
    "a template that formats": (template("{{ '%9999999999d' % 1 }}"), "formats with %"),
    "a template that pads": (template("{{ 'a'.center(9999999999) }}"), "reaches for 'center'"),
    "a template that escapes": (template("{{ ''.__class__ }}"), "reaches for '__class__'"),
    "a template that doubles": (
        template(
            "{% set n = namespace(x='aaaaaaaa') %}{% for i in range(60) %}"
            "{% set n.x = n.x + n.x %}{% endfor %}{{ n.x }}"
        ),
        "more time or memory|fails|writes more",
    ),
    "a template that includes": (template("{% include '/etc/passwd' %}"), "reads another file"),
    "a template that is none": (template("{% for %}"), "is not Jinja"),
    "a template too long": (template("a" * 70_000), "70000 bytes"),
    "a link": (
        replace_by("README.md", lambda p: p.symlink_to("/etc/passwd")),
        "is a symbolic link",
    ),
    "a link for weights": (
        replace_by("model.safetensors", lambda p: p.symlink_to("/etc/passwd")),
        "is a symbolic link",
    ),
    "a hard link": (
        lambda f: os.link(f / "config.json", f / "generation_config_2.json"),
        "is a hard link",
    ),
    "a pipe": (replace_by("vocab.txt", lambda p: os.mkfifo(p)), "is a pipe"),
    "a folder": (lambda f: (f / "1_Pooling").mkdir(), "is a folder"),
    "an unknown file": (lambda f: (f / "setup.sh").write_text("rm"), "not on the list"),
    "a name with a line break": (lambda f: (f / "a\nb").write_text(""), r"'a\\nb' is not on"),
    "a huge header": (
        lambda f: (f / "model.safetensors").write_bytes(struct.pack("<Q", 2**62) + b"{}"),
        "claims a header of 4611686018427387904 bytes",
    ),
    "a header cut short": (
        lambda f: (f / "model.safetensors").write_bytes(b"\x01"),
        "too short",
    ),
    "a header that is no JSON": (weights(b"{not json"), "cannot be read"),
    "a header nested deeply": (weights(b"[" * 200_000), "cannot be read"),
    "a header with doubled keys": (weights(b'{"a":1,"a":2}'), "stands twice"),
    "overlapping tensors": (
        weights(tensors(a=([2], [0, 8]), b=([2], [4, 12])), bytes(12)),
        "overlap",
    ),
    "a hole between tensors": (
        weights(tensors(a=([1], [0, 4]), b=([1], [8, 12])), bytes(12)),
        "leave a hole",
    ),
    "a shape that lies": (weights(tensors(a=([3], [0, 8])), bytes(8)), "does not fit"),
    "a shape beyond memory": (weights(tensors(a=([2**40, 2**40], [0, 8])), bytes(8)), "beyond"),
    "a negative length": (weights(tensors(a=([-1], [0, 8])), bytes(8)), "no number"),
    "bytes left over": (weights(tensors(a=([1], [0, 4])), bytes(64)), "header describes"),
    "an index that leaves": (index("../../etc/x.safetensors"), "no file of this folder"),
    "an index to nothing": (index("missing.safetensors"), "is missing"),
    "a config with doubled keys": (
        lambda f: (f / "config.json").write_text('{"model_type":"llama","model_type":"x"}'),
        "stands twice",
    ),
    "a config nested deeply": (
        lambda f: (f / "config.json").write_text('{"a":' * 100_000),
        "cannot be read",
    ),
    "a config of megabytes": (
        lambda f: edit(f, "config.json", padding="x" * 2_000_000),
        "larger than",
    ),
    "a config that is no text": (
        lambda f: (f / "config.json").write_bytes(b"\xff\xfe{}"),
        "is not UTF-8",
    ),
    "an adapter that is none": (
        lambda f: edit(f, "adapter_config.json", peft_type="PROMPT_TUNING"),
        "LORA is read",
    ),
}


def test_a_good_folder_is_taken(folder: Path) -> None:
    """The control."""
    assert check_model_folder(folder) == []


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_folder_is_refused_with_its_reason(folder: Path, name: str) -> None:
    import re
    import time

    spoil, reason = HOSTILE[name]
    spoil(folder)
    started = time.process_time()
    found = check_model_folder(folder)
    assert re.search(reason, " ".join(found)), found
    assert time.process_time() - started < 10
    assert not (folder.parent / MARKER).exists()


def test_there_are_enough_of_them() -> None:
    assert len(HOSTILE) >= 25


@pytest.mark.parametrize("missing", ["config.json", "model.safetensors"])
def test_a_folder_without_the_essentials_is_refused(folder: Path, missing: str) -> None:
    (folder / missing).unlink()
    assert len(check_model_folder(folder)) == 1


def test_what_is_no_folder_is_refused(tmp_path: Path) -> None:
    assert check_model_folder(tmp_path / "nowhere") == ["nowhere is not a folder."]


def test_a_run_on_a_hostile_folder_ends_as_bad_input(tmp_path: Path, folder: Path) -> None:
    from tests.training.running import result, run_here
    from tests.training.tiny_model import write_run

    edit(folder, "config.json", auto_map={"AutoModel": "x--y.Z"})
    run = write_run(tmp_path / "run", "sft", "prompt_completion", model=folder)
    assert run_here(run) == 2
    assert "it names Python code to run" in result(run)["sentence"]


def test_templates_in_the_wild_are_taken(folder: Path) -> None:
    """Constructs of published templates: namespaces, macros, reversed loops, tool lists."""
    template(
        "{%- macro line(m) -%}{{ '<|' + m.role + '|>' + (m.content | trim) }}{%- endmacro -%}"
        "{%- set ns = namespace(last=messages|length - 1, system='') -%}"
        "{%- for m in messages[::-1] -%}{%- if m.role == 'system' -%}"
        "{%- set ns.system = m.content -%}{%- endif -%}{%- endfor -%}"
        "{%- if tools -%}{%- for t in tools -%}{{ t | tojson }}{%- endfor -%}{%- endif -%}"
        "{%- for m in messages -%}"
        "{%- if (m.role == 'user') != (loop.index0 % 2 == 0) and not ns.system -%}"
        "{{ raise_exception('Roles must alternate') }}{%- endif -%}"
        "{{ line(m) }}{%- if loop.last and add_generation_prompt -%}{{ '<|assistant|>' }}"
        "{%- endif -%}{%- if loop.index0 > 99 -%}{%- break -%}{%- endif -%}{%- endfor -%}"
        "{{ strftime_now('%d %b %Y') }}"
    )(folder)
    assert check_model_folder(folder) == []
