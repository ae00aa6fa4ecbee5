"""`python -m training.trainers.scoring FOLDER`: a reward model scores answers that are there.

Reads `scoring.json` ({"model": folder, "sha256", "batch_size"}) and `answers.jsonl` (rows of id,
prompt, completion); appends {"kind": "score", "id", "score"} to `events.jsonl`. Exit codes are
those of runs. The score is the one training sees: read at the EOS that ends the answer.
"""

import json
import os
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

from training.trainers.__main__ import OFFLINE
from training.trainers.outcome import EXIT_CODES, BadInput, Outcome, classify

if TYPE_CHECKING:
    from training.trainers.run_directory import Run


def main(arguments: list[str]) -> int:
    os.environ.update(OFFLINE)
    folder = Path(arguments[0])
    try:
        score_all(folder)
    except BaseException as error:
        ending = classify(error)
        if ending is None:
            raise
        print(" ".join(str(ending).split()), file=sys.stderr)  # one line: the last is shown
        return EXIT_CODES[ending.outcome]
    return EXIT_CODES[Outcome.DONE]


def score_all(folder: Path) -> None:
    """Score every row, a batch of like lengths at a time.

    Raises BadInput for a model folder that is refused, and what torch raises.
    """
    import torch

    from training.trainers.loading import device_of, load_reward_model, load_tokenizer
    from training.trainers.manifest import fingerprint
    from training.trainers.reward import rewards_of
    from training.trainers.run_config import ModelSource
    from training.trainers.tokenising import Texts

    given = json.loads((folder / "scoring.json").read_text())
    if fingerprint(Path(given["model"])) != given["sha256"]:
        raise BadInput("The model's files are not those that were registered. Import it again.")
    # What loading asks of a run: nothing here is trained, and no random head is drawn.
    config = SimpleNamespace(device="auto", precision="auto", quantization="none", seed=0)
    run = cast("Run", SimpleNamespace(config=config, resolve=Path))
    source = ModelSource(path=given["model"])
    texts = Texts(load_tokenizer(run, source))
    model = load_reward_model(run, source, texts.tokenizer).to(device_of(run)).eval()
    longest = getattr(model.config, "max_position_embeddings", None) or 4096
    rows = [json.loads(line) for line in (folder / "answers.jsonl").read_text().splitlines()]
    coded = sorted(((_ids(texts, row, longest), row["id"]) for row in rows), key=_length)
    size = int(given["batch_size"])
    with (folder / "events.jsonl").open("a", buffering=1) as events, torch.no_grad():
        for start in range(0, len(coded), size):
            part = coded[start : start + size]
            width = max(len(ids) for ids, _id in part)
            pad = texts.tokenizer.pad_token_id
            inputs = [ids + [pad] * (width - len(ids)) for ids, _id in part]
            seen = [[1] * len(ids) + [0] * (width - len(ids)) for ids, _id in part]
            batch = {
                "input_ids": torch.tensor(inputs, device=model.device),
                "attention_mask": torch.tensor(seen, device=model.device),
            }
            for (_ids_of, row), score in zip(part, rewards_of(model, batch).tolist(), strict=True):
                events.write(json.dumps({"kind": "score", "id": row, "score": score}) + "\n")


def _ids(texts: Any, row: dict[str, Any], longest: int) -> list[int]:
    """Prompt and answer with its EOS; of what is too long the end, where the score is read."""
    from training.trainers.data import Message

    prompt, completion = row["prompt"], row["completion"]
    if not isinstance(prompt, str):
        prompt = [Message(**turn) for turn in prompt]
        completion = [Message("assistant", completion)]
    before, answer = texts.pair(prompt, completion)
    return [*before, *answer][-longest:]


def _length(pair: tuple[list[int], int]) -> int:
    return len(pair[0])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
