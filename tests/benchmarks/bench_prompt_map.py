"""A map of prompts: seconds to embed and to lay out, by the processes that the job starts.

    python -m tests.benchmarks.bench_prompt_map [--texts 20000] [--model FOLDER] [--data FOLDER]

Texts are those of bench_novelty. The model is the shared data's static one unless another folder of
an embedding model is given. Memory is the largest process's.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.benchmarks.bench_novelty import DATA, shuffled
from training.trainers.manifest import fingerprint


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--texts", type=int, default=20_000)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--model", type=Path)
    options = parser.parse_args()
    model = options.model or options.data / "models" / "minilm-static-96"
    texts = sorted(set(shuffled(options.data, options.texts)), key=lambda text: (len(text), text))
    print(f"{len(texts)} texts, {model.name}; load {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        given = {"model": str(model), "sha256": fingerprint(model), "batch_tokens": 8192}
        (folder / "embedding.json").write_text(json.dumps(given))
        (folder / "texts.jsonl").write_text("".join(json.dumps(text) + "\n" for text in texts))
        seconds, said = timed("training.trainers.embedding", folder)
        print(f"embedding: {seconds:.1f} s, {said['dimension']} numbers a text, {memory()}")
        asked = {"points": len(texts), "perplexity": 30.0, "seed": 0, "neighbours": 10}
        (folder / "map.json").write_text(json.dumps(asked))
        seconds, said = timed("annotation.domain.map_process", folder)
        trust = said["trustworthiness"]
        print(f"layout: {seconds:.1f} s, trustworthiness {trust:.3f}, {memory()}")


def timed(module: str, folder: Path) -> tuple[float, dict[str, Any]]:
    """Seconds on the clock, and the last thing that it said."""
    began = time.perf_counter()
    subprocess.run([sys.executable, "-m", module, str(folder)], check=True)
    seconds = time.perf_counter() - began
    said: dict[str, Any] = json.loads((folder / "events.jsonl").read_text().splitlines()[-1])
    return seconds, said


def memory() -> str:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return f"{used.ru_maxrss / 1024:.0f} MB, {used.ru_utime:.0f} s of CPU so far"


if __name__ == "__main__":
    main()
