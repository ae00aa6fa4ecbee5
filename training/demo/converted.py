"""A Llama-shaped GGUF file as a model folder: config, tokenizer and safetensors in 16 bits.

Only what the demonstration's model is: the Llama architecture with tied or own output weights, and
a byte-level BPE tokenizer that splits digits (llama.cpp calls it "smollm"). Anything else is
refused by name rather than converted into something that talks nonsense.
"""

import json
from pathlib import Path
from typing import Any

import numpy
from safetensors.numpy import save_file

from training.demo.gguf import GgufFile, NotReadable

CONTROL = 3  # the type of a token that stands for no text
_OUTSIDE = {"token_embd": "model.embed_tokens", "output_norm": "model.norm", "output": "lm_head"}
_INSIDE = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}


def write_model_folder(source: Path, folder: Path) -> None:
    """Fill `folder` from the GGUF file at `source`.

    Raises:
        NotReadable: no GGUF file, or of a model that is not converted here.
    """
    file = GgufFile(source)
    _check(file.metadata)
    heads = {
        "attn_q": int(file.metadata["llama.attention.head_count"]),
        "attn_k": int(file.metadata["llama.attention.head_count_kv"]),
    }
    weights = {}
    for name in file.names:
        kind = name.split(".")[-2]
        numbers = file.tensor(name)
        if kind in heads:
            numbers = _halves_apart(numbers, heads[kind])
        weights[_name_of(name)] = numpy.ascontiguousarray(numbers, dtype=numpy.float16)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    tied = "lm_head.weight" not in weights
    _write(folder / "config.json", _config(file.metadata, tied=tied))
    _write(folder / "tokenizer.json", _tokenizer(file.metadata))
    _write(folder / "tokenizer_config.json", _tokenizer_config(file.metadata))


def _check(said: dict[str, Any]) -> None:
    wanted = {
        "general.architecture": "llama",
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": "smollm",
    }
    for key, value in wanted.items():
        if said.get(key) != value:
            raise NotReadable(f"Its {key} is {said.get(key)!r}; only {value!r} is converted.")


def _name_of(name: str) -> str:
    parts = name.split(".")
    if parts[0] == "blk" and len(parts) == 4 and parts[2] in _INSIDE:
        return f"model.layers.{int(parts[1])}.{_INSIDE[parts[2]]}.weight"
    if len(parts) == 2 and parts[0] in _OUTSIDE:
        return f"{_OUTSIDE[parts[0]]}.weight"
    raise NotReadable(f"It has a tensor {name[:80]!r}, which no Llama model has.")


def _halves_apart(rows: Any, heads: int) -> Any:
    """Rows (heads * size, hidden) of queries or keys, in the order of transformers.

    llama.cpp turns neighbouring rows by one angle, transformers rows half a head apart; its
    converter interleaves the halves of each head, and this takes that back.
    """
    pairs = rows.reshape(heads, rows.shape[0] // heads // 2, 2, rows.shape[1])
    return pairs.swapaxes(1, 2).reshape(rows.shape)


def _config(said: dict[str, Any], *, tied: bool) -> dict[str, Any]:
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_act": "silu",
        "hidden_size": said["llama.embedding_length"],
        "intermediate_size": said["llama.feed_forward_length"],
        "num_hidden_layers": said["llama.block_count"],
        "num_attention_heads": said["llama.attention.head_count"],
        "num_key_value_heads": said["llama.attention.head_count_kv"],
        "vocab_size": len(said["tokenizer.ggml.tokens"]),
        "max_position_embeddings": said["llama.context_length"],
        "rms_norm_eps": said["llama.attention.layer_norm_rms_epsilon"],
        "rope_theta": said["llama.rope.freq_base"],
        "tie_word_embeddings": tied,
        "attention_bias": False,
        "bos_token_id": said["tokenizer.ggml.bos_token_id"],
        "eos_token_id": said["tokenizer.ggml.eos_token_id"],
        "pad_token_id": said["tokenizer.ggml.padding_token_id"],
        "torch_dtype": "float16",
    }


def _tokenizer(said: dict[str, Any]) -> dict[str, Any]:
    """As the library "tokenizers" writes it: digits one by one, then bytes, then merges."""
    tokens, kinds = said["tokenizer.ggml.tokens"], said["tokenizer.ggml.token_type"]
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [
            {
                "id": number,
                "content": token,
                "special": True,
                "single_word": False,
                "lstrip": False,
                "rstrip": False,
                "normalized": False,
            }
            for number, (token, kind) in enumerate(zip(tokens, kinds, strict=True))
            if kind == CONTROL
        ],
        "normalizer": None,
        "pre_tokenizer": {
            "type": "Sequence",
            "pretokenizers": [{"type": "Digits", "individual_digits": True}, _bytes()],
        },
        "post_processor": None,
        "decoder": _bytes(),
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "vocab": {token: number for number, token in enumerate(tokens)},
            "merges": said["tokenizer.ggml.merges"],
        },
    }


def _bytes() -> dict[str, Any]:
    return {
        "type": "ByteLevel",
        "add_prefix_space": False,
        "trim_offsets": True,
        "use_regex": True,
    }


def _tokenizer_config(said: dict[str, Any]) -> dict[str, Any]:
    tokens = said["tokenizer.ggml.tokens"]
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": tokens[said["tokenizer.ggml.bos_token_id"]],
        "eos_token": tokens[said["tokenizer.ggml.eos_token_id"]],
        "pad_token": tokens[said["tokenizer.ggml.padding_token_id"]],
        "unk_token": tokens[said["tokenizer.ggml.unknown_token_id"]],
        "model_max_length": said["llama.context_length"],
        "clean_up_tokenization_spaces": False,
        "chat_template": said["tokenizer.chat_template"],
    }


def _write(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, ensure_ascii=False))
