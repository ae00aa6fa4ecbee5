"""`python -m training.trainers.merging FOLDER`: an adapter merged into its base, as a model folder.

Reads `merging.json` ({"base", "adapter": folders, "base_sha256", "adapter_sha256", "reward":
whether the adapter brings a head that scores}) and writes `model/`, in float32 as runs write
theirs. Exit codes are those of runs.
"""

import json
import os
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

from training.trainers.__main__ import OFFLINE
from training.trainers.outcome import EXIT_CODES, BadInput, Outcome, RunEnded, classify

if TYPE_CHECKING:
    from training.trainers.run_directory import Run


def main(arguments: list[str]) -> int:
    os.environ.update(OFFLINE)
    try:
        merge_folders(Path(arguments[0]))
    except BaseException as error:
        ending = classify(error)
        if ending is None:
            raise
        print(" ".join(str(ending).split()), file=sys.stderr)  # one line: the last is shown
        return EXIT_CODES[ending.outcome]
    return EXIT_CODES[Outcome.DONE]


def merge_folders(folder: Path) -> None:
    """Write `model/`. Raises BadInput where a folder is not what was registered, or where the
    adapter does not fit; RunEnded where what came out would be refused."""
    from training.trainers.loading import load_causal_model, load_reward_model, load_tokenizer
    from training.trainers.manifest import fingerprint
    from training.trainers.model_folder import check_model_folder
    from training.trainers.run_config import ModelSource

    given = json.loads((folder / "merging.json").read_text())
    for name in ("base", "adapter"):
        if fingerprint(Path(given[name])) != given[f"{name}_sha256"]:
            raise BadInput(f"The files of the {name} are not those that were registered.")
    # What loading asks of a run: nothing is trained, and the head that is drawn is the adapter's.
    config = SimpleNamespace(device="cpu", precision="fp32", quantization="none", seed=0)
    run = cast("Run", SimpleNamespace(config=config, resolve=Path))
    source = ModelSource(path=given["base"], adapter=given["adapter"])
    tokenizer = load_tokenizer(run, source)
    load = load_reward_model if given["reward"] else load_causal_model
    model = load(run, source, tokenizer)
    model.config.use_cache = True
    made = folder / "model"
    model.save_pretrained(made, safe_serialization=True)
    tokenizer.save_pretrained(made)
    (made / "README.md").write_text(given["card"])
    if problems := check_model_folder(made):
        raise RunEnded(f"The merged model would be refused: {' '.join(problems)}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
