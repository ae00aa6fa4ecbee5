"""Texts from a model in training, for eyes: figures can rise while texts fall."""

from typing import Any

import torch

from training.trainers.data import Message
from training.trainers.events import Phase
from training.trainers.tokenising import Texts


def write_samples(trainer: Any, step: int) -> None:
    """Answer the run's sample prompts greedily and write them to the diary.

    Greedy answers draw no random numbers, so that a run with samples trains like one without.
    """
    run, tokenizer = trainer.run, trainer.processing_class
    settings = run.config.training
    model = trainer.accelerator.unwrap_model(trainer.model)
    run.events.phase(Phase.GENERATING)
    texts = Texts(tokenizer)
    training = model.training
    model.eval()
    with trainer.whole_weights():
        for prompt in settings.sample_prompts:
            answer = greedy_answer(
                model, texts, prompt, settings.sample_tokens, as_chat=settings.sample_as_chat
            )
            run.events.sample(step, prompt, answer)
    model.train(training)
    run.events.phase(Phase.TRAINING)


@torch.no_grad()
def greedy_answer(
    model: Any, texts: Texts, prompt: str, tokens: int, *, as_chat: bool = False
) -> str:
    """The likeliest next token, again and again, up to EOS or `tokens` tokens."""
    ids = texts.prompt([Message(role="user", content=prompt)] if as_chat else prompt)
    device = next(model.parameters()).device
    inputs = torch.tensor([ids], device=device)
    found = model.generate(
        input_ids=inputs,
        attention_mask=torch.ones_like(inputs),
        max_new_tokens=tokens,
        do_sample=False,
        use_cache=True,
        pad_token_id=texts.tokenizer.pad_token_id,
    )
    answer: str = texts.tokenizer.decode(found[0, len(ids) :], skip_special_tokens=True)
    return answer
