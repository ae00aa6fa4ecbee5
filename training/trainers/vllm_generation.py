"""Sampling with vLLM, an optional package: the same request as `generation.generate`, on a GPU.

The answers are reproducible (each row has a seed of its own) but not those of the transformers
loop: the two turn random numbers into tokens differently.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from training.trainers.generation import Completion, Sampling
from training.trainers.outcome import BadInput
from training.trainers.run_config import RunConfig

# The reward model, and the policy as transformers holds it, need the rest of the card.
MEMORY_SHARE = 0.5


class VLLMSampler:
    """A model folder, loaded once into vLLM."""

    def __init__(self, folder: Path, longest: int, *, bf16: bool, seed: int) -> None:
        """`longest` is the number of tokens of prompt and answer together.

        Raises BadInput when vLLM is not installed."""
        self._vllm = require_vllm()
        self._engine = self._vllm.LLM(
            model=str(folder),
            trust_remote_code=False,
            dtype="bfloat16" if bf16 else "float32",  # its "auto" makes float16 of float32
            max_model_len=longest,
            gpu_memory_utilization=MEMORY_SHARE,
            seed=seed,
        )

    def generate(
        self, prompts: Sequence[Sequence[int]], seeds: Sequence[int], settings: Sampling
    ) -> list[Completion]:
        """An answer to each prompt (token ids), each row drawn from its own seed."""
        requests = [{"prompt_token_ids": list(prompt)} for prompt in prompts]
        parameters = [
            self._vllm.SamplingParams(
                temperature=settings.temperature,
                top_p=settings.top_p,
                max_tokens=settings.max_new_tokens,
                stop_token_ids=list(settings.eos_ids),
                seed=seed,
                detokenize=False,
            )
            for seed in seeds
        ]
        answers = self._engine.generate(requests, parameters, use_tqdm=False)
        return [_completion(answer.outputs[0], settings) for answer in answers]


def require_vllm() -> Any:
    """The package. Raises BadInput, saying how to get it, where it is missing."""
    # In this process, requests are scheduled in their order: the same answers again on the same
    # card (docs.vllm.ai, "Reproducibility"). Read on import.
    os.environ.setdefault("VLLM_ENABLE_V1_MULTIPROCESSING", "0")
    try:
        import vllm
    except ImportError as error:
        raise BadInput(
            'settings.engine is "vllm", and that package is not installed. Install it with '
            'pip install rondo[vllm] on a machine with a GPU, or set engine to "transformers".'
        ) from error
    return vllm


def refuse_vllm(config: RunConfig, world_size: int) -> None:
    """Raises BadInput for a run whose policy vLLM would not see, or not have a card for."""
    if config.model.adapter is not None or config.quantization != "none":
        raise BadInput(
            'settings.engine is "vllm", which loads the model folder itself: without model.adapter '
            'and without quantization. Give a merged model, or set engine to "transformers".'
        )
    if world_size > 1:
        raise BadInput(
            'settings.engine is "vllm" in several processes; it runs in one. Start the run without '
            'a launcher, or set engine to "transformers".'
        )


def _completion(output: Any, settings: Sampling) -> Completion:
    ids = list(output.token_ids)
    return Completion(ids, bool(ids) and ids[-1] in settings.eos_ids)
