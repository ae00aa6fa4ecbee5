"""A language model small enough for tests, made here so that a clone needs no download.

Llama with 2 layers of width 32 over a word vocabulary, with distinct pad and EOS tokens and a chat
template that marks what the assistant says.
"""

import json
from pathlib import Path
from typing import Any

WORDS = """
the a cat dog bird fish is was big small red blue kind rude true false tell me about in one two
sentence . ? yes no it likes eats sees milk bone seed water and not very please thank you user
assistant system : good bad answer question hello world again round
"""
SPECIAL = ["<pad>", "<s>", "</s>", "<unk>"]
CHAT_TEMPLATE = (
    "{% for m in messages %}{% if m['role'] == 'assistant' %}assistant : "
    "{% generation %}{{ m['content'] + ' ' + eos_token }}{% endgeneration %} "
    "{% else %}{{ m['role'] + ' : ' + m['content'] + ' ' }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}assistant : {% endif %}"
)


def tiny_tokenizer() -> Any:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    vocabulary = {word: i for i, word in enumerate([*SPECIAL, *WORDS.split()])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.decoder = decoders.WordPiece(prefix="##", cleanup=False)
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="<pad>",
        bos_token="<s>",
        eos_token="</s>",
        unk_token="<unk>",
    )
    fast.chat_template = CHAT_TEMPLATE
    return fast


def write_tiny_model(folder: Path, *, seed: int = 0, hidden: int = 32, layers: int = 2) -> Path:
    """A model folder: weights, tokenizer, chat template."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(seed)
    tokenizer = tiny_tokenizer()
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=hidden,
        intermediate_size=2 * hidden,
        num_hidden_layers=layers,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=256,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
        tie_word_embeddings=True,
        initializer_range=0.1,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


ANIMALS = {"cat": ("milk", "small"), "dog": ("bone", "big"), "bird": ("seed", "red")}


def demonstrations(count: int) -> list[dict[str, Any]]:
    rows = []
    for i in range(count):
        animal, (food, size) = list(ANIMALS.items())[i % 3]
        answer = [f"the {animal} likes {food} .", f"it is {size} ."][: 1 + i % 2]
        rows.append({"prompt": f"tell me about the {animal} .", "completion": " ".join(answer)})
    return rows


def preferences(count: int) -> list[dict[str, Any]]:
    """Pairs; every third animal's come as whole rankings of three answers (three pairs)."""
    rows: list[dict[str, Any]] = []
    number = 0
    while len(rows) < count:
        animal, (food, size) = list(ANIMALS.items())[number % 3]
        answers = [
            f"the {animal} likes {food} ." + " it is true" * (number % 2),
            f"it is {size} .",
            f"no the {animal} is rude" + " and bad" * (number % 4),
        ]
        ranked = [(0, 1), (0, 2), (1, 2)] if number % 3 == 0 else [(0, 2)]
        for better, worse in ranked:
            rows.append(
                {
                    "prompt": f"tell me about the {animal} .",
                    "chosen": answers[better],
                    "rejected": answers[worse],
                    "strength": worse - better,
                    "use_case": "animals" if number % 2 else "food",
                    "group": f"ranking {number}",
                    "annotator": f"ann{number % 2}",
                }
            )
        number += 1
    return rows[:count]


def chats(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same rows as conversations."""
    roles = {"prompt": "user", "completion": "assistant", "chosen": "assistant"}
    roles["rejected"] = "assistant"
    return [
        {k: [{"role": roles[k], "content": v}] if k in roles else v for k, v in row.items()}
        for row in rows
    ]


def unpaired(count: int) -> list[dict[str, Any]]:
    return [
        {
            "prompt": row["prompt"],
            "completion": row["chosen" if i % 2 else "rejected"],
            "label": bool(i % 2),
        }
        for i, row in enumerate(preferences(count))
    ]


def documents(count: int) -> list[dict[str, Any]]:
    return [{"text": row["prompt"] + " " + row["completion"]} for row in demonstrations(count)]


ROWS = {
    "prompt_completion": demonstrations,
    "preference": preferences,
    "unpaired": unpaired,
    "text": documents,
}


def write_rows(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def write_run(
    folder: Path,
    method: str,
    kind: str,
    *,
    model: Path,
    rows: int = 24,
    training: dict[str, Any] | None = None,
    extra_data: list[dict[str, Any]] | None = None,
    **more: Any,
) -> Path:
    """A run directory with generated data: `rows` to learn, twelve to validate."""
    folder.mkdir(parents=True, exist_ok=True)
    write_rows(folder / "train.jsonl", ROWS[kind](rows))
    write_rows(folder / "validation.jsonl", ROWS[kind](12))
    config = {
        "method": method,
        "seed": 7,
        "model": {"path": str(model)},
        "data": [
            {"role": "train", "path": "train.jsonl", "kind": kind},
            {"role": "validation", "path": "validation.jsonl", "kind": kind},
            *(extra_data or []),
        ],
        "device": "cpu",
        "training": {
            "max_steps": 6,
            "batch_size": 4,
            "micro_batch_size": 2,
            "max_length": 64,
            "learning_rate": 1e-3,
            "save_every": 2,
            **(training or {}),
        },
        **more,
    }
    (folder / "run.json").write_text(json.dumps(config, indent=1))
    return folder
