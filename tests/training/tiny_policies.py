"""Models small enough for every test: a tokenizer of words, a Llama of some thousand weights."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

WORDS = """
the a cat dog bird fish sun moon sea tree is was big small red blue warm cold good bad
tell me about and it likes to sleep run swim fly in on . ? one two three
"""
HIDDEN = 32


def tiny_tokenizer(words: str = WORDS) -> Any:
    """One token a word, with a pad, an EOS and an unknown token, all different."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    names = ["<pad>", "<eos>", "<unk>", *dict.fromkeys(words.split())]
    core = Tokenizer(models.WordLevel({w: i for i, w in enumerate(names)}, unk_token="<unk>"))
    core.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(
        tokenizer_object=core, pad_token="<pad>", eos_token="<eos>", unk_token="<unk>"
    )


def tiny_config(tokenizer: Any, hidden: int = HIDDEN, layers: int = 2) -> Any:
    from transformers import LlamaConfig

    return LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=hidden,
        intermediate_size=2 * hidden,
        num_hidden_layers=layers,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=256,
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
        bos_token_id=None,
    )


def save_causal(
    folder: Path,
    tokenizer: Any = None,
    *,
    seed: int = 0,
    hidden: int = HIDDEN,
    layers: int = 2,
    std: float = 0.15,
) -> Path:
    """A language model with random weights, and its tokenizer, in `folder`."""
    from transformers import LlamaForCausalLM

    tokenizer = tokenizer or tiny_tokenizer()
    torch.manual_seed(seed)
    model = LlamaForCausalLM(tiny_config(tokenizer, hidden, layers))
    spread(model, std)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def save_reward(
    folder: Path, tokenizer: Any = None, *, seed: int = 1, hidden: int = HIDDEN, layers: int = 2
) -> Path:
    """A reward model with random weights, and its tokenizer, in `folder`."""
    from transformers import LlamaForSequenceClassification

    tokenizer = tokenizer or tiny_tokenizer()
    torch.manual_seed(seed)
    config = tiny_config(tokenizer, hidden, layers)
    config.num_labels = 1
    model = LlamaForSequenceClassification(config)
    spread(model)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def spread(model: torch.nn.Module, std: float = 0.15) -> None:
    """Weights large enough that answers differ: the usual 0.02 gives a uniform distribution."""
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim > 1:
                parameter.normal_(std=std)


def write_jsonl(path: Path, rows: Sequence[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def write_run(folder: Path, **config: Any) -> Path:
    """A run directory with this run.json."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "run.json").write_text(json.dumps(config))
    return folder
