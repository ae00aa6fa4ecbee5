"""`python -m training.trainers.embedding FOLDER`: what a registered model makes of texts.

Reads `embedding.json` ({"model": folder, "sha256", "batch_tokens"}) and `texts.jsonl` (a JSON
string on each line); appends to `vectors.f16` one row of little-endian half floats for each text,
in their order and of length 1, and after each batch {"kind": "embedded", "done", "dimension"} to
`events.jsonl`. Exit codes are those of runs.

A folder is read as sentence-transformers reads it, of its modules only these: a transformer with
pooling over its tokens, or one vector for each token (static), and normalisation. No module is
imported by the name that the folder gives.
"""

import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from training.trainers.__main__ import OFFLINE
from training.trainers.model_folder import POOLING, check_model_folder, is_static
from training.trainers.outcome import EXIT_CODES, BadInput, Outcome, classify

LONGEST = 512  # tokens, where the model does not say; attention over more is for other models
STATIC_AT_ONCE = 1000
Embed = Callable[[list[str]], Any]  # texts -> array (n, d)


def main(arguments: list[str]) -> int:
    os.environ.update(OFFLINE)
    try:
        embed_all(Path(arguments[0]))
    except BaseException as error:
        ending = classify(error)
        if ending is None:
            raise
        print(ending, file=sys.stderr)
        return EXIT_CODES[ending.outcome]
    return EXIT_CODES[Outcome.DONE]


def embed_all(folder: Path) -> None:
    """Embed every text, a batch at a time.

    Raises BadInput for a model folder that is refused or has changed, and what torch raises.
    """
    import numpy as np

    from training.trainers.manifest import fingerprint

    given = json.loads((folder / "embedding.json").read_text())
    model = Path(given["model"])
    if problems := check_model_folder(model):
        raise BadInput([f"The model folder is refused: {problem}" for problem in problems])
    if fingerprint(model) != given["sha256"]:
        raise BadInput("The model's files are not those that were registered. Import it again.")
    texts = [json.loads(line) for line in (folder / "texts.jsonl").read_text().splitlines()]
    embed, batches = static(model, texts) if is_static(model) else encoder(model, texts, given)
    done = 0
    with (
        (folder / "vectors.f16").open("ab") as vectors,
        (folder / "events.jsonl").open("a", buffering=1) as events,
    ):
        for batch in batches:
            found = embed(batch).astype(np.float32)
            lengths = np.linalg.norm(found, axis=1, keepdims=True)
            rows = (found / np.where(lengths > 0, lengths, 1)).astype("<f2")
            if not np.isfinite(rows).all():
                raise BadInput("The model answers with infinite numbers. Import another one.")
            vectors.write(rows.tobytes())
            vectors.flush()
            done += len(batch)
            said = {"kind": "embedded", "done": done, "dimension": rows.shape[1]}
            events.write(json.dumps(said) + "\n")


def static(model: Path, texts: list[str]) -> tuple[Embed, Iterator[list[str]]]:
    """The mean of the vectors of a text's tokens; 0 of a text that has none."""
    import numpy as np
    from safetensors.numpy import load_file
    from tokenizers import Tokenizer

    tables = [table for table in load_file(model / "model.safetensors").values() if table.ndim == 2]
    if len(tables) != 1:
        raise BadInput("A static model has one table of vectors, a row for each token.")
    table = tables[0].astype(np.float32)
    tokenizer = Tokenizer.from_file(str(model / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()

    def embed(batch: list[str]) -> Any:
        found = np.zeros((len(batch), table.shape[1]), np.float32)
        for row, coded in enumerate(tokenizer.encode_batch(batch, add_special_tokens=False)):
            ids = [token for token in coded.ids if token < len(table)]
            if ids:
                found[row] = table[ids].mean(axis=0)
        return found

    return embed, (
        texts[start : start + STATIC_AT_ONCE] for start in range(0, len(texts), STATIC_AT_ONCE)
    )


def encoder(
    model: Path, texts: list[str], given: dict[str, Any]
) -> tuple[Embed, Iterator[list[str]]]:
    """The last layer of a transformer, pooled as the folder says: mean, first or last token."""
    import torch
    from transformers import AutoModel, AutoTokenizer

    plain = {"trust_remote_code": False, "local_files_only": True}
    try:
        tokenizer = AutoTokenizer.from_pretrained(str(model), padding_side="right", **plain)
        net = AutoModel.from_pretrained(str(model), use_safetensors=True, **plain)
    except (OSError, ValueError, TypeError, KeyError, ImportError) as error:
        raise BadInput(f"The model cannot be loaded: {error}") from error
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token or tokenizer.unk_token
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    net = net.to(device, torch.float32).eval()
    longest = min(longest_of(model, net.config, tokenizer), LONGEST)
    pool = POOLS[pooling_of(model)]

    @torch.no_grad()
    def embed(batch: list[str]) -> Any:
        coded = tokenizer(
            batch, padding=True, truncation=True, max_length=longest, return_tensors="pt"
        ).to(device)
        hidden = net(**coded).last_hidden_state  # (B, T, H)
        return pool(hidden, coded["attention_mask"]).float().cpu().numpy()

    return embed, by_length(texts, longest, int(given["batch_tokens"]))


def by_length(texts: list[str], longest: int, batch_tokens: int) -> Iterator[list[str]]:
    """Batches in the texts' order, each of about so many tokens when padded (by 3 characters one).

    Whoever wrote the texts has sorted them by length, so that little of a batch is padding.
    """
    batch: list[str] = []
    width = 0
    for text in texts:
        tokens = min(longest, len(text) // 3 + 3)
        if batch and max(width, tokens) * (len(batch) + 1) > batch_tokens:
            yield batch
            batch, width = [], 0
        batch.append(text)
        width = max(width, tokens)
    if batch:
        yield batch


def longest_of(model: Path, config: Any, tokenizer: Any) -> int:
    """How many tokens the model reads: the smallest of what its files say."""
    said = [getattr(config, "max_position_embeddings", None), tokenizer.model_max_length]
    settings = model / "sentence_bert_config.json"
    if settings.exists():
        said.append(json.loads(settings.read_text()).get("max_seq_length"))
    found = [int(number) for number in said if isinstance(number, int) and number > 2]
    # RoBERTa's positions begin after its padding id, so two of them are no places for tokens.
    offset = 2 if getattr(config, "model_type", "") in ("roberta", "xlm-roberta", "mpnet") else 0
    return min(found, default=LONGEST) - offset


def pooling_of(model: Path) -> str:
    path = model / POOLING
    if not path.exists():
        return "mean"
    said = json.loads(path.read_text())
    for key, name in (("cls_token", "first"), ("mean_tokens", "mean"), ("lasttoken", "last")):
        if said.get(f"pooling_mode_{key}") is True:
            return name
    raise BadInput(f"{POOLING} names a pooling that is not read; mean, first and last token are.")


def _mean(hidden: Any, mask: Any) -> Any:
    kept = mask.unsqueeze(-1).to(hidden.dtype)  # (B, T, 1)
    return (hidden * kept).sum(1) / kept.sum(1).clamp(min=1)


def _first(hidden: Any, _mask: Any) -> Any:
    return hidden[:, 0]


def _last(hidden: Any, mask: Any) -> Any:
    import torch

    ends = mask.sum(1).clamp(min=1) - 1  # (B,): padding stands to the right
    return hidden[torch.arange(len(hidden), device=hidden.device), ends]


POOLS: dict[str, Callable[[Any, Any], Any]] = {"mean": _mean, "first": _first, "last": _last}

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
