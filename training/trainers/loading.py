"""Models and tokenizers from a checked folder, ready to train or to answer.

Every load names what it will not do: no code from the folder, no network, no pickle. The folder has
passed `model_folder.check_model_folder` before (see `inputs`); it is checked again here, since this
is the last place before a library opens it.
"""

import math
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers.utils import logging

from training.trainers.model_folder import check_model_folder
from training.trainers.outcome import BadInput
from training.trainers.run_config import ModelSource
from training.trainers.run_directory import Run
from training.trainers.tokenising import DEFAULT_CHAT_TEMPLATE

# Progress bars and reports of weights that are new by design would drown what a run has to say.
logging.disable_progress_bar()
logging.set_verbosity_error()

PAD_NAMES = ("<pad>", "<|pad|>", "[PAD]", "<|padding|>", "<|finetune_right_pad_id|>", "<unk>")
NEW_PAD = "<|pad|>"


def device_of(run: Run) -> torch.device:
    """Where this process computes. Raises BadInput when a GPU is asked for and there is none."""
    wanted = run.config.device
    if wanted == "cuda" and not torch.cuda.is_available():
        raise BadInput('device is "cuda", and no GPU is usable here. Set it to "auto" or "cpu".')
    if wanted == "cpu" or not torch.cuda.is_available():
        return torch.device("cpu")
    import os

    return torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))


def uses_bf16(run: Run) -> bool:
    """Whether the passes run in bfloat16 (weights that are trained stay in float32)."""
    if run.config.precision == "auto":
        return device_of(run).type == "cuda" and torch.cuda.is_bf16_supported()
    return run.config.precision == "bf16"


def load_tokenizer(run: Run, source: ModelSource) -> Any:
    """The tokenizer of a model folder, with distinct pad and EOS tokens and a chat template.

    Raises BadInput when it cannot be loaded or has no EOS token.
    """
    from transformers import AutoTokenizer

    folder = _checked(run, source.path)
    try:
        tokenizer = AutoTokenizer.from_pretrained(
            str(folder), trust_remote_code=False, local_files_only=True, padding_side="right"
        )
    except (OSError, ValueError, TypeError, KeyError, ImportError) as error:
        raise BadInput(f"The tokenizer of {source.path} cannot be loaded: {error}") from error
    if tokenizer.eos_token_id is None:
        raise BadInput(
            f"The tokenizer of {source.path} has no EOS token, so no answer could end. "
            "Name one as eos_token in its tokenizer_config.json."
        )
    _separate_pad(tokenizer)
    if not tokenizer.chat_template:
        tokenizer.chat_template = DEFAULT_CHAT_TEMPLATE
    return tokenizer


def load_causal_model(run: Run, source: ModelSource, tokenizer: Any) -> Any:
    """A language model, its adapter (if the source names one) merged in, on this run's device."""
    from transformers import AutoModelForCausalLM

    model = _from_folder(run, source, AutoModelForCausalLM)
    fit_to_tokenizer(model, tokenizer)
    model = _merge_source_adapter(run, source, model)
    return model.to(device_of(run)) if not is_quantized(model) else model


def load_reward_model(
    run: Run, source: ModelSource, tokenizer: Any, *, new_head: bool = False
) -> Any:
    """A sequence classifier with one output, whose head has a bias (the shift that centres it).

    `logits` (B, 1) are read at the last token that is not padding. The head is the model's or its
    adapter's; with `new_head` that of a language model is drawn, with standard deviation
    1 / sqrt(hidden + 1) (arXiv:2403.17031, 11).

    Raises BadInput when there is no head and none shall be drawn.
    """
    from safetensors import safe_open
    from transformers import AutoConfig, AutoModelForSequenceClassification

    folder = _checked(run, source.path)
    config = AutoConfig.from_pretrained(str(folder), trust_remote_code=False, local_files_only=True)
    was_reward = any("SequenceClassification" in name for name in config.architectures or [])
    if not (was_reward or new_head or adapter_has_head(run, source)):
        raise BadInput(
            f"{source.path} is a language model: it has no head that scores. Train a reward model "
            "from it, or name the adapter of one."
        )
    model = _from_folder(run, source, AutoModelForSequenceClassification, num_labels=1)
    head = getattr(model, "score", None)
    if not isinstance(head, nn.Linear):
        raise BadInput(
            f"{source.path} is a {config.model_type} model, whose classifier is not a linear head "
            "named score. Use a decoder-only model such as Llama, Qwen, Mistral or GPT-NeoX."
        )
    with_bias = nn.Linear(head.in_features, 1, bias=True, device=head.weight.device)
    with torch.no_grad():
        with_bias.weight.copy_(head.weight)
        with_bias.bias.zero_()
        if not was_reward:
            # A generator of its own: the draw must not depend on what was drawn before.
            seeded = torch.Generator(head.weight.device).manual_seed(run.config.seed)
            spread = 1.0 / math.sqrt(head.in_features + 1)
            with_bias.weight.normal_(std=spread, generator=seeded)
        for file in sorted(folder.glob("*.safetensors")) if was_reward else []:
            with safe_open(file, framework="pt") as tensors:
                if "score.bias" in tensors.keys():  # noqa: SIM118 - not a dict
                    with_bias.bias.copy_(tensors.get_tensor("score.bias"))
    model.score = with_bias.to(head.weight.dtype)
    fit_to_tokenizer(model, tokenizer)
    model = _merge_source_adapter(run, source, model)
    return model.to(device_of(run)) if not is_quantized(model) else model


def fit_to_tokenizer(model: Any, tokenizer: Any) -> None:
    """Make room for every token, and tell the model which ones pad and end."""
    rows = model.get_input_embeddings().weight.shape[0]
    if len(tokenizer) > rows:
        model.resize_token_embeddings(len(tokenizer), mean_resizing=False)
    text_config = model.config.get_text_config()
    text_config.pad_token_id = tokenizer.pad_token_id
    model.config.pad_token_id = tokenizer.pad_token_id
    if getattr(model, "generation_config", None) is not None:
        model.generation_config.pad_token_id = tokenizer.pad_token_id
        model.generation_config.eos_token_id = eos_ids(model, tokenizer)


def eos_ids(model: Any, tokenizer: Any) -> list[int]:
    """Every token at which an answer ends: the tokenizer's, and those the model lists."""
    listed = getattr(getattr(model, "generation_config", None), "eos_token_id", None)
    listed = [] if listed is None else listed if isinstance(listed, list) else [listed]
    return sorted({tokenizer.eos_token_id, *listed})


def is_quantized(model: Any) -> bool:
    return bool(getattr(model, "is_loaded_in_4bit", False))


def disable_dropout(model: nn.Module) -> None:
    """Set every dropout to 0: two passes over the same tokens must agree."""
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    config = getattr(model, "config", None)
    for name in ("attention_dropout", "hidden_dropout", "resid_pdrop", "attn_pdrop", "embd_pdrop"):
        if config is not None and hasattr(config, name):
            setattr(config, name, 0.0)


def _from_folder(run: Run, source: ModelSource, kind: Any, **options: Any) -> Any:
    folder = _checked(run, source.path)
    if run.config.quantization == "nf4":
        options["quantization_config"] = nf4_config(run)
        options["device_map"] = {"": device_of(run)}
        options["dtype"] = torch.bfloat16 if uses_bf16(run) else torch.float32
    else:
        # Weights that are trained are kept in float32: bf16 has 8 bits, and an update of 1e-6 of a
        # weight would vanish. Autocast does the passes in bf16.
        options["dtype"] = torch.float32
    try:
        model = kind.from_pretrained(
            str(folder),
            trust_remote_code=False,
            local_files_only=True,
            use_safetensors=True,
            attn_implementation="sdpa",
            **options,
        )
    except (OSError, ValueError, TypeError, KeyError, AttributeError, ImportError) as error:
        raise BadInput(f"The model {source.path} cannot be loaded: {error}") from error
    model.config.use_cache = False
    disable_dropout(model)
    if is_quantized(model):
        _keep_packing(model)
    return model


def _keep_packing(model: nn.Module) -> None:
    """Leave 4-bit weights as they were packed. On a CPU with AVX-512 BF16 bitsandbytes lays them
    out anew at the first evaluation: it fails for widths that are no multiple of a block, and a run
    would learn otherwise there than on any other CPU."""
    for module in model.modules():
        if hasattr(module, "support_avx512bf16_for_cpu"):
            module.support_avx512bf16_for_cpu = False


def nf4_config(run: Run) -> Any:
    """4-bit NormalFloat with double quantisation (arXiv:2305.14314).

    Raises BadInput where bitsandbytes is not installed.
    """
    try:
        import bitsandbytes  # noqa: F401 - asked for by transformers, later and less clearly
    except ImportError as error:
        raise BadInput(
            'quantization is "nf4", which needs the package bitsandbytes. Install it with '
            "pip install rondo[qlora], or set quantization to none."
        ) from error
    from transformers import BitsAndBytesConfig

    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.bfloat16 if uses_bf16(run) else torch.float32,
    )


def _merge_source_adapter(run: Run, source: ModelSource, model: Any) -> Any:
    if source.adapter is None:
        return model
    if is_quantized(model):
        raise BadInput(
            f"model.adapter is {source.adapter!r} with quantization nf4: merging into 4 bits "
            "loses precision. Merge it first (its own run's model/ is merged), and train from that."
        )
    from peft import PeftModel, get_peft_model_state_dict

    folder = _checked(run, source.adapter)
    try:
        adapted = PeftModel.from_pretrained(model, str(folder), is_trainable=False)
    except (RuntimeError, ValueError, TypeError, KeyError) as error:
        raise BadInput(
            f"The adapter {source.adapter} does not fit the model {source.path}: "
            f"{str(error)[:300]}. Name the model that it was trained on."
        ) from error
    # peft passes over weights for which the model has no place.
    held = set(get_peft_model_state_dict(adapted, save_embedding_layers=False))
    own = {name for name in adapter_tensors(run, source) if "lora_" in name or ".score." in name}
    if lost := own - held:
        raise BadInput(
            f"The adapter {source.adapter} does not fit the model {source.path}, which has no "
            f"{sorted(lost)[0]}. Name the model that it was trained on."
        )
    return adapted.merge_and_unload().requires_grad_(True)  # peft froze what it was put on


def adapter_tensors(run: Run, source: ModelSource) -> set[str]:
    """The names of the weights in a source's adapter."""
    from safetensors import safe_open

    assert source.adapter is not None
    found: set[str] = set()
    for file in sorted(_checked(run, source.adapter).glob("*.safetensors")):
        with safe_open(file, framework="pt") as tensors:
            found.update(tensors.keys())
    return found


def adapter_has_head(run: Run, source: ModelSource) -> bool:
    """Whether the adapter is one of a reward model."""
    if source.adapter is None:
        return False
    return any(name.endswith(".score.weight") for name in adapter_tensors(run, source))


def _checked(run: Run, path: str) -> Path:
    folder = run.resolve(path)
    problems = check_model_folder(folder)
    if problems:
        raise BadInput([f"The model folder {path} is refused: {reason}" for reason in problems])
    return folder


def _separate_pad(tokenizer: Any) -> None:
    """Give padding a token of its own.

    With pad equal to EOS, a reward model reads the token before the EOS, and masks made from ids
    hide the EOS from the loss, so that a model never learns to stop.
    """
    if tokenizer.pad_token_id is not None and tokenizer.pad_token_id != tokenizer.eos_token_id:
        return
    vocabulary = tokenizer.get_vocab()
    for name in PAD_NAMES:
        if name in vocabulary and name != tokenizer.eos_token:
            tokenizer.pad_token = name
            return
    tokenizer.add_special_tokens({"pad_token": NEW_PAD})
