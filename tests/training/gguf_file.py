"""A small Llama model as a GGUF file, written as llama.cpp's converter writes one."""

import struct
from pathlib import Path
from typing import Any

import numpy

HIDDEN, HEADS, KEY_HEADS, INNER, LAYERS = 64, 4, 2, 96, 2
TEMPLATE = (
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\\n' + m['content'] + '<|im_end|>' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
MERGES = ["h e", "he l", "hel l", "hell o", "Ġ w"]
F32, Q4_1, Q8_0 = 0, 3, 8


def byte_letters() -> list[str]:
    """GPT-2's letter for each byte: printable ones stand for themselves, others follow 256."""
    plain = {*range(33, 127), *range(161, 173), *range(174, 256)}
    rest = iter(range(256, 512))
    return [chr(byte) if byte in plain else chr(next(rest)) for byte in range(256)]


def vocabulary() -> list[str]:
    return [*SPECIAL, *byte_letters(), *("".join(merge.split()) for merge in MERGES)]


def quantised(rows: Any, form: int) -> tuple[bytes, Any]:
    """The bytes of `rows` in this form, and what they stand for (float32, by the format's text)."""
    if form == F32:
        return rows.astype("<f4").tobytes(), rows.astype(numpy.float32)
    written, meant = b"", []
    for block in rows.astype(numpy.float32).reshape(-1, 32):
        if form == Q8_0:
            scale = numpy.float16(abs(block).max() / 127)
            steps = numpy.round(block / numpy.float32(scale)).clip(-127, 127).astype(numpy.int8)
            written += struct.pack("<e", scale) + steps.tobytes()
            meant.append([float(scale) * int(step) for step in steps])
        else:
            low = numpy.float16(block.min())
            scale = numpy.float16((block.max() - block.min()) / 15)
            steps = numpy.round((block - numpy.float32(low)) / numpy.float32(scale)).clip(0, 15)
            whole = [int(step) for step in steps]
            packed = bytes(whole[i] | whole[i + 16] << 4 for i in range(16))
            written += struct.pack("<ee", scale, low) + packed
            meant.append([float(scale) * step + float(low) for step in whole])
    return written, numpy.array(meant, dtype=numpy.float32).reshape(rows.shape)


def interleaved(rows: Any, heads: int) -> Any:
    """Rows of queries or keys as llama.cpp wants them: one of each half of a head in turn."""
    size = rows.shape[0] // heads
    order = [
        head * size + half * (size // 2) + i
        for head in range(heads)
        for i in range(size // 2)
        for half in (0, 1)
    ]
    return rows[order]


def write_gguf(path: Path, **changed: Any) -> dict[str, Any]:
    """The file at `path`. Returns each tensor under transformers' name, as it should be read.

    changed: metadata in place of the usual.
    """
    draw = numpy.random.default_rng(3)
    tokens = vocabulary()
    key_rows = HIDDEN // HEADS * KEY_HEADS
    inside = {
        "attn_norm": ("input_layernorm", (HIDDEN,), F32, 0),
        "ffn_down": ("mlp.down_proj", (HIDDEN, INNER), Q4_1, 0),
        "ffn_gate": ("mlp.gate_proj", (INNER, HIDDEN), Q4_1, 0),
        "ffn_up": ("mlp.up_proj", (INNER, HIDDEN), Q4_1, 0),
        "ffn_norm": ("post_attention_layernorm", (HIDDEN,), F32, 0),
        "attn_k": ("self_attn.k_proj", (key_rows, HIDDEN), Q4_1, KEY_HEADS),
        "attn_output": ("self_attn.o_proj", (HIDDEN, HIDDEN), Q4_1, 0),
        "attn_q": ("self_attn.q_proj", (HIDDEN, HIDDEN), Q4_1, HEADS),
        "attn_v": ("self_attn.v_proj", (key_rows, HIDDEN), Q4_1, 0),
    }
    wanted = [
        ("token_embd.weight", "model.embed_tokens.weight", (len(tokens), HIDDEN), Q8_0, 0),
        ("output_norm.weight", "model.norm.weight", (HIDDEN,), F32, 0),
    ]
    for layer in range(LAYERS):
        for name, (theirs, shape, form, heads) in inside.items():
            wanted.append(
                (
                    f"blk.{layer}.{name}.weight",
                    f"model.layers.{layer}.{theirs}.weight",
                    shape,
                    form,
                    heads,
                )
            )
    meant, parts, described, offset = {}, [], b"", 0
    for name, theirs, shape, form, heads in wanted:
        rows = draw.normal(0, 0.1, shape) + (1.0 if len(shape) == 1 else 0.0)
        stored, read = quantised(interleaved(rows, heads) if heads else rows, form)
        if heads:  # what was read, put back in the order before
            order = numpy.argsort(interleaved(numpy.arange(shape[0])[:, None], heads)[:, 0])
            read = read[order]
        meant[theirs] = read
        described += _string(name) + struct.pack("<I", len(shape))
        described += struct.pack(f"<{len(shape)}Q", *reversed(shape))
        described += struct.pack("<IQ", form, offset)
        parts.append(stored + bytes(-len(stored) % 32))
        offset += len(parts[-1])
    said = {
        "general.architecture": "llama",
        "llama.block_count": LAYERS,
        "llama.context_length": 256,
        "llama.embedding_length": HIDDEN,
        "llama.feed_forward_length": INNER,
        "llama.attention.head_count": HEADS,
        "llama.attention.head_count_kv": KEY_HEADS,
        "llama.rope.freq_base": 50000.0,
        "llama.attention.layer_norm_rms_epsilon": 1e-5,
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": "smollm",
        "tokenizer.ggml.tokens": tokens,
        "tokenizer.ggml.token_type": [3] * len(SPECIAL) + [1] * (len(tokens) - len(SPECIAL)),
        "tokenizer.ggml.merges": MERGES,
        "tokenizer.ggml.bos_token_id": 1,
        "tokenizer.ggml.eos_token_id": 2,
        "tokenizer.ggml.unknown_token_id": 0,
        "tokenizer.ggml.padding_token_id": 0,
        "tokenizer.chat_template": TEMPLATE,
    } | changed
    head = b"GGUF" + struct.pack("<IQQ", 3, len(wanted), len(said))
    head += b"".join(_string(key) + _value(value) for key, value in said.items()) + described
    path.write_bytes(head + bytes(-len(head) % 32) + b"".join(parts))
    return meant


def _string(said: str) -> bytes:
    encoded = said.encode()
    return struct.pack("<Q", len(encoded)) + encoded


def _value(value: Any) -> bytes:
    if isinstance(value, str):
        return struct.pack("<I", 8) + _string(value)
    if isinstance(value, float):
        return struct.pack("<If", 6, value)
    if isinstance(value, int):
        return struct.pack("<II", 4, value)
    kind = 8 if isinstance(value[0], str) else 5
    items = (_string(each) if kind == 8 else struct.pack("<i", each) for each in value)
    return struct.pack("<IIQ", 9, kind, len(value)) + b"".join(items)
