"""Gradients of the embedding that adds rows in place are torch's own."""

import copy

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM, LlamaModel

from training.trainers.vocabulary_layers import RowwiseEmbedding, tune_for_cpu

VOCABULARY = 40


def a_model(*, tied: bool, padding: int | None) -> LlamaForCausalLM:
    torch.manual_seed(0)
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=VOCABULARY,
            hidden_size=16,
            intermediate_size=24,
            num_hidden_layers=2,
            num_attention_heads=2,
            num_key_value_heads=2,
            tie_word_embeddings=tied,
            pad_token_id=padding,
        )
    )


def batches() -> list[torch.Tensor]:
    """Ids that repeat within a row and across rows, and the padding's."""
    made = torch.Generator().manual_seed(1)
    return [torch.randint(0, 6, (3, 7), generator=made) for _ in range(2)]


@pytest.mark.parametrize("tied", [True, False], ids=["tied", "untied"])
@pytest.mark.parametrize("padding", [None, 0], ids=["no padding", "padding"])
def test_gradients_over_two_batches_are_torch_s_own(tied: bool, padding: int | None) -> None:
    theirs = a_model(tied=tied, padding=padding)
    ours = copy.deepcopy(theirs)
    tune_for_cpu(ours)
    assert isinstance(ours.get_input_embeddings(), RowwiseEmbedding)
    for model in (theirs, ours):
        for ids in batches():
            logits = model(input_ids=ids, logits_to_keep=4).logits
            logits.log_softmax(-1)[..., 3].sum().backward()
    mine = dict(ours.named_parameters())
    for name, parameter in theirs.named_parameters():
        torch.testing.assert_close(mine[name].grad, parameter.grad, msg=name)
    assert ours.state_dict().keys() == theirs.state_dict().keys()


def test_without_a_head_only_rows_that_were_looked_up_have_a_gradient() -> None:
    model = LlamaModel(a_model(tied=True, padding=None).config)
    tune_for_cpu(model)
    ids = batches()[0]
    model(input_ids=ids).last_hidden_state.square().sum().backward()
    gradient = model.get_input_embeddings().weight.grad
    assert gradient is not None
    touched = set(gradient.abs().sum(-1).nonzero().flatten().tolist())
    assert touched == set(ids.unique().tolist())


def test_frozen_weights_and_forwards_without_gradient_are_left_alone() -> None:
    model = a_model(tied=True, padding=None)
    tune_for_cpu(model)
    embedding = model.get_input_embeddings()
    with torch.no_grad():
        assert not embedding(batches()[0]).requires_grad
    embedding.weight.requires_grad_(False)
    assert not embedding(batches()[0]).requires_grad


def test_another_kind_of_embedding_is_not_touched() -> None:
    class Scaled(torch.nn.Embedding):
        """As Gemma's, which multiplies what it looks up."""

    model = a_model(tied=False, padding=None)
    model.set_input_embeddings(Scaled(VOCABULARY, 16))
    tune_for_cpu(model)
    assert type(model.get_input_embeddings()) is Scaled
