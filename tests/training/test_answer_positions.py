"""What the last MLP leaves out nobody reads; what is read, and its gradients, are the same."""

import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from transformers import (
    Gemma2Config,
    Gemma2Model,
    GPT2Config,
    GPT2LMHeadModel,
    GPTNeoXConfig,
    GPTNeoXForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
    MixtralConfig,
    MixtralForCausalLM,
)

from training.trainers.answer_positions import answer_positions

ROWS, WIDTH, FIRST = 3, 7, 4
_SMALL: dict[str, Any] = {"vocab_size": 40, "hidden_size": 16, "num_attention_heads": 2}
_LAYERS: dict[str, Any] = {"num_hidden_layers": 2, "intermediate_size": 24}
MODELS: dict[str, Any] = {
    "llama": lambda: LlamaForCausalLM(LlamaConfig(**_SMALL, **_LAYERS, num_key_value_heads=2)),
    "neox": lambda: GPTNeoXForCausalLM(GPTNeoXConfig(**_SMALL, **_LAYERS)),
    "gpt2": lambda: GPT2LMHeadModel(GPT2Config(vocab_size=40, n_embd=16, n_head=2, n_layer=2)),
    "gemma2, a backbone": lambda: Gemma2Model(
        Gemma2Config(**_SMALL, **_LAYERS, num_key_value_heads=2, head_dim=8)
    ),
}


def read(model: nn.Module, ids: Tensor) -> Tensor:
    """What a caller reads: the answer's positions of the logits, or of the hidden states."""
    outputs = model(input_ids=ids, attention_mask=torch.ones_like(ids), use_cache=False)
    found: Tensor = outputs[0][:, FIRST:]
    return found


def watched(model: nn.Module) -> list[int]:
    """How many positions the up projection of the last layer's MLP is given, forward by forward."""
    seen: list[int] = []
    inner = next(m for name, m in model.named_modules() if "1.mlp." in name)
    inner.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0].shape[1]))
    return seen


@pytest.mark.parametrize("name", MODELS)
def test_what_is_read_and_its_gradients_are_the_same(name: str) -> None:
    torch.manual_seed(0)
    whole = MODELS[name]().eval()
    cut = copy.deepcopy(whole)
    seen = watched(cut)
    ids = torch.randint(0, 40, (ROWS, WIDTH), generator=torch.Generator().manual_seed(1))
    expected = read(whole, ids)
    with answer_positions(cut, FIRST):
        found = read(cut, ids)
    assert seen == [WIDTH - FIRST]
    torch.testing.assert_close(found, expected)
    for answers in (expected, found):
        answers.square().sum().backward()
    mine = dict(cut.named_parameters())
    for parameter_name, parameter in whole.named_parameters():
        torch.testing.assert_close(mine[parameter_name].grad, parameter.grad, msg=parameter_name)


def test_after_the_block_everything_is_computed_again_even_when_it_failed() -> None:
    model = MODELS["llama"]()
    seen = watched(model)
    ids = torch.zeros(1, WIDTH, dtype=torch.long)
    with pytest.raises(IndexError), answer_positions(model, FIRST):
        raise IndexError
    read(model, ids)
    with answer_positions(model, 0):
        read(model, ids)
    assert seen == [WIDTH, WIDTH]


def test_a_mixture_of_experts_computes_everything() -> None:
    config = MixtralConfig(
        **_SMALL, **_LAYERS, num_key_value_heads=2, num_local_experts=2, num_experts_per_tok=1
    )
    model = MixtralForCausalLM(config).eval()
    ids = torch.zeros(1, WIDTH, dtype=torch.long)
    with torch.no_grad():
        expected = model(input_ids=ids).logits
        with answer_positions(model, FIRST):
            assert torch.equal(model(input_ids=ids).logits, expected)
