"""Embedding models for tests: a table of token vectors, and a transformer of a few numbers."""

import json
from pathlib import Path
from typing import Any

from tests.training.registry import uploads
from training.actions.import_model import import_uploaded
from training.models import ModelVersion
from webapp.jobs.runner import run_next

WORDS = ("cat", "dog", "cow", "tax", "law", "fee", "the", "a", "my", "and")
ANIMALS, MONEY = WORDS[:3], WORDS[3:6]


def tokenizer_json() -> bytes:
    """One token a word; [PAD] 0, [UNK] 1, [CLS] 2, [SEP] 3, then WORDS."""
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Whitespace
    from tokenizers.processors import TemplateProcessing

    names = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *WORDS]
    made = Tokenizer(WordLevel({name: at for at, name in enumerate(names)}, unk_token="[UNK]"))
    made.pre_tokenizer = Whitespace()
    made.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return made.to_str().encode()


def table() -> Any:
    """(14, 4): animals point along the first axis, money along the second, others hardly."""
    import numpy as np

    found = np.zeros((4 + len(WORDS), 4), np.float16)
    for at, word in enumerate(WORDS, start=4):
        axis = 0 if word in ANIMALS else 1 if word in MONEY else 2
        found[at, axis] = 1.0 if axis < 2 else 0.1
        found[at, 3] = 0.05 * (at % 3)
    return found


def static_files() -> dict[str, bytes]:
    from safetensors.numpy import save

    config = {"kind": "static token embeddings (test)", "dim": 4, "vocab_size": 4 + len(WORDS)}
    return {
        "config.json": json.dumps(config).encode(),
        "model.safetensors": save({"embeddings": table()}),
        "tokenizer.json": tokenizer_json(),
    }


def encoder_files(tmp_path: Path, pooling: str = "mean_tokens") -> dict[str, bytes]:
    """A BERT of two layers, as sentence-transformers publishes one."""
    import torch
    from transformers import BertConfig, BertModel

    torch.manual_seed(7)
    config = BertConfig(
        vocab_size=4 + len(WORDS),
        hidden_size=8,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=32,
    )
    BertModel(config).save_pretrained(tmp_path / "bert")
    prefix = "sentence_transformers.models."
    parts = [("", "Transformer"), ("1_Pooling", "Pooling"), ("2_Normalize", "Normalize")]
    modules = [
        {"idx": at, "name": str(at), "path": path, "type": prefix + name}
        for at, (path, name) in enumerate(parts)
    ]
    special = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]"}
    return {
        "config.json": (tmp_path / "bert" / "config.json").read_bytes(),
        "model.safetensors": (tmp_path / "bert" / "model.safetensors").read_bytes(),
        "tokenizer.json": tokenizer_json(),
        "tokenizer_config.json": json.dumps(
            {"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": 32, **special}
        ).encode(),
        "modules.json": json.dumps(modules).encode(),
        "sentence_bert_config.json": json.dumps({"max_seq_length": 16}).encode(),
        "pooling.json": json.dumps({f"pooling_mode_{pooling}": True}).encode(),
    }


def an_embedder(
    workspace: Any, by: Any, name: str = "words", files: dict[str, bytes] | None = None
) -> ModelVersion:
    """A registered embedding model, brought in as a person would."""
    version = import_uploaded(
        workspace=workspace, by=by, name=name, files=uploads(files or static_files())
    )
    run_next(queue="default", worker="here")
    version.refresh_from_db()
    return version


def texts_of(words: tuple[str, ...], count: int) -> list[str]:
    """Different texts about one thing: "the cat", "my dog and the cow" ..."""
    small = ("the", "a", "my", "and")
    found: list[str] = []
    for number in range(count):
        digits = [number % 3, number // 3 % 3, number // 9 % 3]
        fillers = [small[number // 27 % 4], small[number // 108 % 4]]
        found.append(
            " ".join([fillers[0], words[digits[0]], fillers[1], words[digits[1]], words[digits[2]]])
        )
    return found
