"""The settings of each method: default, range, meaning and source of every one, in one place.

An unknown name is refused, never ignored. `run_config.describe` turns these into what a form or a
page of documentation needs.
Abbreviated sources: InstructGPT = arXiv:2203.02155, DPO = arXiv:2305.18290, PPO = arXiv:1707.06347,
GAE = arXiv:1506.02438, LoRA = arXiv:2106.09685, QLoRA = arXiv:2305.14314, KTO = arXiv:2402.01306,
IPO = arXiv:2310.12036, RLOO = arXiv:2402.14740, RAFT = arXiv:2304.06767, N+ = arXiv:2403.17031.
"""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta


def _meta(
    help: str,
    source: str = "",
    *,
    ge: float | None = None,
    gt: float | None = None,
    le: float | None = None,
    lt: float | None = None,
    max_length: int | None = None,
) -> Meta:
    limits: dict[str, Any] = {"ge": ge, "gt": gt, "le": le, "lt": lt, "max_length": max_length}
    given = {name: limit for name, limit in limits.items() if limit is not None}
    return Meta(description=help, extra={"source": source}, **given)


class LoraSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Low-rank adapters: W + (alpha / r) B A, with the base weights frozen."""

    r: Annotated[int, _meta("Rank of the adapters.", "LoRA 4.1", ge=1, le=1024)] = 16
    alpha: Annotated[
        float, _meta("The update is scaled by alpha / r.", "LoRA 4.1", gt=0, le=4096)
    ] = 32.0
    dropout: Annotated[
        float,
        _meta("Dropout before A. Leave 0 for PPO and REINFORCE.", "QLoRA B.2", ge=0, lt=1),
    ] = 0.0
    targets: Annotated[
        list[str] | Literal["all-linear"],
        _meta(
            "Names of the linear layers to adapt; all-linear is every one but the output head.",
            "QLoRA 4",
        ),
    ] = "all-linear"
    rslora: Annotated[
        bool, _meta("Scale by alpha / sqrt(r) instead of alpha / r.", "arXiv:2312.03732")
    ] = False


class TrainingSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the optimiser walks; shared by all methods."""

    learning_rate: (
        Annotated[
            float,
            _meta(
                "Peak learning rate of AdamW. Not given: the method's own default, "
                "ten times higher with LoRA.",
                "InstructGPT C; DPO B; QLoRA B.2",
                gt=0,
                le=1,
            ),
        ]
        | None
    ) = None
    epochs: Annotated[
        float, _meta("Passes over the training data.", "InstructGPT C", gt=0, le=1000)
    ] = 1.0
    max_steps: (
        Annotated[
            int,
            _meta("Stop after this many optimiser steps; overrides epochs.", ge=1, le=10_000_000),
        ]
        | None
    ) = None
    batch_size: Annotated[
        int,
        _meta("Examples (pairs, groups) of one optimiser step, over all devices.", ge=1, le=65536),
    ] = 16
    micro_batch_size: Annotated[
        int,
        _meta(
            "Examples that pass through the model at once on one device; memory, not the result.",
            ge=1,
            le=4096,
        ),
    ] = 4
    halve_on_out_of_memory: Annotated[
        bool,
        _meta(
            "When memory runs out, go on once with half the micro batch (the batch stays what it "
            "was, by accumulation); a second time ends the run. One process only."
        ),
    ] = False
    max_length: Annotated[
        int, _meta("Longest example in tokens, prompt included.", ge=8, le=1_048_576)
    ] = 1024
    warmup: Annotated[
        float,
        _meta("Share of the steps over which the learning rate rises from 0.", "DPO B", ge=0, le=1),
    ] = 0.05
    scheduler: Annotated[
        Literal["linear", "cosine", "constant"],
        _meta("How the learning rate falls after warm-up.", "InstructGPT C.1 (cosine)"),
    ] = "linear"
    weight_decay: Annotated[
        float, _meta("AdamW's decoupled weight decay.", "arXiv:1711.05101", ge=0, le=1)
    ] = 0.0
    adam_beta2: Annotated[
        float, _meta("AdamW's second decay.", "InstructGPT C (0.95)", gt=0, lt=1)
    ] = 0.95
    adam_epsilon: Annotated[
        float, _meta("AdamW's epsilon.", "N+ (1e-5 for PPO)", gt=0, le=1e-2)
    ] = 1e-8
    grad_clip: Annotated[
        float, _meta("Largest norm of the gradient; 0 switches clipping off.", ge=0, le=1000)
    ] = 1.0
    gradient_checkpointing: Annotated[
        bool, _meta("Recompute activations in the backward pass: less memory, some 20 % slower.")
    ] = False
    sharding: Annotated[
        Literal["none", "zero2", "zero3"],
        _meta(
            "Over several processes, share out gradients and optimiser (zero2), or the weights "
            "too (zero3), by FSDP2; none: whole weights everywhere.",
            "arXiv:1910.02054",
        ),
    ] = "none"
    paged_optimizer: Annotated[
        bool, _meta("Page optimiser states to host memory (CUDA and bitsandbytes).", "QLoRA 3")
    ] = False
    save_every: Annotated[
        int, _meta("Optimiser steps between checkpoints; 0: only at the end.", ge=0, le=10_000_000)
    ] = 200
    keep_checkpoints: Annotated[
        int, _meta("Complete checkpoints to keep; the older ones are removed.", ge=1, le=1000)
    ] = 2
    eval_every: Annotated[
        int,
        _meta(
            "Optimiser steps between evaluations on the validation data; 0: only at the end.",
            ge=0,
            le=10_000_000,
        ),
    ] = 0
    log_every: Annotated[int, _meta("Optimiser steps between log lines.", ge=1, le=100_000)] = 1
    sample_every: Annotated[
        int,
        _meta("Optimiser steps between sample texts; 0: none.", ge=0, le=10_000_000),
    ] = 0
    sample_prompts: Annotated[
        list[str], _meta("Prompts to answer for the sample texts.", max_length=32)
    ] = []
    sample_as_chat: Annotated[
        bool, _meta("Put the sample prompts through the chat template, as a user's turn.")
    ] = True
    sample_tokens: Annotated[int, _meta("Longest sample text in tokens.", ge=1, le=8192)] = 64


class SFTSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Supervised fine-tuning: the negative log-likelihood of the completion's tokens."""

    packing: Annotated[
        bool,
        _meta("Fill each row with several examples, which do not see one another."),
    ] = False
    loss_on: Annotated[
        Literal["completion", "all"],
        _meta(
            "Which tokens are learned: the completion (with chats, all assistant turns), or all.",
            "InstructGPT C.1",
        ),
    ] = "completion"


class PretrainSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Continued pretraining on raw text: every token is learned."""

    packing: Annotated[
        bool, _meta("Fill each row with several documents, which do not see one another.")
    ] = True


class RewardSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A reward model by Bradley-Terry: -log sigmoid(r_chosen - r_rejected - margin)."""

    ties: Annotated[
        Literal["drop", "half"],
        _meta("Tied pairs: left out, or learned as one half in each direction.", "InstructGPT 3.5"),
    ] = "drop"
    use_margin: Annotated[
        bool,
        _meta("Use the pairs' margin (how much better) in the loss.", "arXiv:2307.09288 3.2.2"),
    ] = False
    centering: Annotated[
        float,
        _meta(
            "Weight of (r_chosen + r_rejected)^2, which holds rewards near 0.",
            "arXiv:2312.09244",
            ge=0,
            le=10,
        ),
    ] = 0.0
    group_rankings: Annotated[
        bool,
        _meta(
            "Keep all pairs of one prompt in one batch and weigh each by 1 / C(K, 2).",
            "InstructGPT 3.5, equation 1",
        ),
    ] = True
    center_on_demonstrations: Annotated[
        bool,
        _meta(
            "After training, shift the bias so that demonstrations score 0 on average.",
            "InstructGPT C.2",
        ),
    ] = True


class DPOSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Direct preference optimisation; the implicit reward is beta (log pi - log pi_ref)."""

    beta: Annotated[
        float, _meta("Strength of the pull towards the reference.", "DPO 7", gt=0, le=10)
    ] = 0.1
    loss: Annotated[
        Literal["sigmoid", "ipo"],
        _meta("sigmoid: DPO's; ipo: ((log-ratio difference) - 1/(2 beta))^2.", "DPO 7; IPO 17"),
    ] = "sigmoid"
    label_smoothing: Annotated[
        float,
        _meta(
            "Probability that a label is wrong (conservative DPO).", "DPO repository", ge=0, lt=0.5
        ),
    ] = 0.0
    reference_free: Annotated[
        bool, _meta("Take the reference as uniform, so that only the policy counts.")
    ] = False
    precompute_reference: Annotated[
        bool, _meta("Score the data with the reference once, before training: saves a model.")
    ] = True


class KTOSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Kahneman-Tversky optimisation: learns from single answers marked good or bad."""

    beta: Annotated[
        float, _meta("Strength of the pull towards the reference.", "KTO 4", gt=0, le=10)
    ] = 0.1
    desirable_weight: Annotated[
        float, _meta("Weight of the good answers.", "KTO 4", gt=0, le=100)
    ] = 1.0
    undesirable_weight: Annotated[
        float, _meta("Weight of the bad answers.", "KTO 4", gt=0, le=100)
    ] = 1.0


class RolloutSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What PPO and REINFORCE share: sampling answers, scoring them, and the KL penalty."""

    updates: Annotated[int, _meta("Rounds of sampling and learning.", ge=1, le=1_000_000)] = 200
    max_new_tokens: Annotated[int, _meta("Longest answer in tokens.", "N+", ge=1, le=32768)] = 128
    temperature: Annotated[
        float, _meta("Sampling temperature; log-probabilities use it too.", "N+ (0.7)", gt=0, le=5)
    ] = 1.0
    rollout_batch_size: Annotated[
        int, _meta("Answers that are generated at once on one device.", ge=1, le=65536)
    ] = 64
    kl_coef: Annotated[
        float, _meta("beta: weight of the KL penalty.", "InstructGPT C.4 (0.02)", ge=0, le=10)
    ] = 0.05
    kl_estimator: Annotated[
        Literal["k1", "k2", "k3", "abs"],
        _meta("Estimator of the KL at each token.", "joschu.net/blog/kl-approx"),
    ] = "k1"
    kl_in: Annotated[
        Literal["reward", "loss"],
        _meta("Subtract the KL from the reward, or add it to the loss (then k3 is apt)."),
    ] = "reward"
    kl_target: (
        Annotated[
            float,
            _meta(
                "Adapt kl_coef towards this KL per answer; not given: fixed.",
                "arXiv:1909.08593 2.2",
                gt=0,
                le=1000,
            ),
        ]
        | None
    ) = None
    kl_horizon: Annotated[
        int,
        _meta(
            "Answers over which the adaptive kl_coef moves.",
            "arXiv:1909.08593",
            ge=1,
            le=100_000_000,
        ),
    ] = 10_000
    missing_eos_penalty: Annotated[
        float, _meta("Taken from the score of an answer that does not end.", "N+", ge=0, le=100)
    ] = 1.0
    score_clip: (
        Annotated[
            float, _meta("Clip scores to plus or minus this.", "arXiv:2307.04964", gt=0, le=1000)
        ]
        | None
    ) = None
    score_scaling: Annotated[
        bool, _meta("Divide scores by their running deviation.", "arXiv:2307.04964")
    ] = False
    record_rollouts: Annotated[
        int,
        _meta(
            "Answers of each update that are kept token by token in rollouts/, for the viewer.",
            ge=0,
            le=4096,
        ),
    ] = 4
    exact_figures: Annotated[
        bool,
        _meta(
            "Also log the exact KL and entropy of every next-token distribution, not only what "
            "the sampled tokens say of them; passes over the whole vocabulary."
        ),
    ] = False
    share_first_forward: (
        Annotated[
            bool,
            _meta(
                "The first mini batch learns from the forward that scored it: one forward less, "
                "the same result, its activations in memory meanwhile. Not given: where it is one "
                "micro batch, all weights are trained and activations are not recomputed."
            ),
        ]
        | None
    ) = None
    max_kl: Annotated[
        float, _meta("Stop as diverged above this KL per answer.", gt=0, le=10_000)
    ] = 100.0
    min_eos_rate: Annotated[
        float, _meta("Stop as diverged when fewer answers end.", ge=0, le=1)
    ] = 0.0


class PPOSettings(RolloutSettings, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Proximal policy optimisation with a value model."""

    ppo_epochs: Annotated[
        int, _meta("Passes over each batch of answers.", "N+ (4); InstructGPT (1)", ge=1, le=100)
    ] = 4
    minibatches: Annotated[int, _meta("Optimiser steps of one pass.", "PPO 5", ge=1, le=1024)] = 1
    clip_range: Annotated[
        float, _meta("epsilon: how far the ratio may pay off.", "PPO 3", gt=0, lt=1)
    ] = 0.2
    value_clip_range: (
        Annotated[float, _meta("How far a value may move; not given: free.", "N+", gt=0, le=1000)]
        | None
    ) = 0.2
    value_coef: Annotated[
        float, _meta("c1: weight of the value loss.", "N+ (0.1)", ge=0, le=100)
    ] = 0.1
    entropy_coef: Annotated[
        float, _meta("c2: weight of the entropy bonus.", "PPO 5", ge=0, le=10)
    ] = 0.0
    ptx_coef: Annotated[
        float,
        _meta(
            "Weight of the language-model loss on the ptx data (mean over tokens).",
            "InstructGPT C.4",
            ge=0,
            le=1000,
        ),
    ] = 0.0
    gamma: Annotated[float, _meta("Discount.", "GAE", gt=0, le=1)] = 1.0
    lam: Annotated[float, _meta("lambda of GAE.", "GAE 3", ge=0, le=1)] = 0.95
    whiten_rewards: Annotated[
        bool,
        _meta("Divide token rewards by their deviation, keeping the mean.", "arXiv:1909.08593"),
    ] = False
    whiten_advantages: Annotated[bool, _meta("Whiten advantages over the whole batch.", "N+")] = (
        True
    )
    value_learning_rate: (
        Annotated[float, _meta("Not given: the policy's.", "InstructGPT C.4", gt=0, le=1)] | None
    ) = None
    value_init: Annotated[
        Literal["reward_model", "zero_head"],
        _meta(
            "The value model begins as the reward model, or with a head of zeros.",
            "InstructGPT C.4",
        ),
    ] = "reward_model"
    critic_warmup_updates: Annotated[
        int, _meta("Updates in which only the value model learns.", ge=0, le=100_000)
    ] = 0
    stop_kl: (
        Annotated[
            float,
            _meta("Leave the passes when KL(old || new) per token exceeds this.", gt=0, le=100),
        ]
        | None
    ) = 0.1


class ReinforceSettings(RolloutSettings, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """REINFORCE, and with several answers a prompt RLOO."""

    baseline: Annotated[
        Literal["none", "mean", "rloo"],
        _meta(
            "What is taken from the reward: nothing, the batch mean, or the mean of the "
            "prompt's other answers.",
            "RLOO 3",
        ),
    ] = "mean"
    samples_per_prompt: Annotated[
        int, _meta("Answers for each prompt; rloo needs at least 2.", "RLOO 4", ge=1, le=256)
    ] = 1


class RaftSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """RAFT: sample, keep the best, fine-tune on them, again."""

    iterations: Annotated[int, _meta("Rounds.", "RAFT", ge=1, le=1000)] = 4
    samples_per_prompt: Annotated[int, _meta("Answers for each prompt.", "RAFT", ge=2, le=1024)] = 8
    select: Annotated[
        Literal["local", "top"],
        _meta("local: the best of each prompt; top: the best share of all.", "RAFT"),
    ] = "local"
    keep_share: Annotated[
        float, _meta("alpha: the share kept when select is top.", "RAFT", gt=0, le=1)
    ] = 0.125
    prompts_per_iteration: Annotated[int, _meta("Prompts of one round.", ge=1, le=1_000_000)] = 256
    max_new_tokens: Annotated[int, _meta("Longest answer in tokens.", ge=1, le=32768)] = 128
    temperature: Annotated[float, _meta("Sampling temperature.", gt=0, le=5)] = 1.0
    rollout_batch_size: Annotated[
        int, _meta("Answers that are generated at once on one device.", ge=1, le=65536)
    ] = 64


class BestOfNSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Best-of-N: sample N answers, score them all, choose the best. Trains nothing."""

    n: Annotated[int, _meta("Answers for each prompt.", "arXiv:2009.01325", ge=1, le=1024)] = 16
    max_new_tokens: Annotated[int, _meta("Longest answer in tokens.", ge=1, le=32768)] = 128
    temperature: Annotated[float, _meta("Sampling temperature.", gt=0, le=5)] = 1.0
    top_p: Annotated[float, _meta("Nucleus of sampling.", "arXiv:1904.09751", gt=0, le=1)] = 1.0
    engine: Annotated[
        Literal["transformers", "vllm"],
        _meta("What samples; vllm is an optional package for GPUs, and the faster one there."),
    ] = "transformers"
    rollout_batch_size: Annotated[
        int, _meta("Answers that are generated at once on one device.", ge=1, le=65536)
    ] = 64


SETTINGS: dict[str, type[msgspec.Struct]] = {
    "sft": SFTSettings,
    "pretrain": PretrainSettings,
    "reward": RewardSettings,
    "dpo": DPOSettings,
    "kto": KTOSettings,
    "ppo": PPOSettings,
    "reinforce": ReinforceSettings,
    "rloo": ReinforceSettings,
    "raft": RaftSettings,
    "best_of_n": BestOfNSettings,
}

# Where a method's default differs from the one written at the field: (all weights, with LoRA).
LEARNING_RATES: dict[str, tuple[float, float]] = {
    "sft": (2e-5, 2e-4),
    "pretrain": (2e-5, 2e-4),
    "reward": (1e-5, 1e-4),
    "dpo": (1e-6, 1e-5),
    "kto": (1e-6, 1e-5),
    "ppo": (1e-6, 1e-5),
    "reinforce": (1e-6, 1e-5),
    "rloo": (1e-6, 1e-5),
    "raft": (2e-5, 2e-4),
    "best_of_n": (1e-5, 1e-5),  # unused: nothing is trained
}
METHOD_DEFAULTS: dict[str, dict[str, dict[str, object]]] = {
    "sft": {"training": {"epochs": 3.0}},
    "ppo": {"training": {"adam_epsilon": 1e-5, "batch_size": 64, "warmup": 0.0}},
    "reinforce": {"training": {"adam_epsilon": 1e-5, "batch_size": 64, "warmup": 0.0}},
    "rloo": {
        "training": {"adam_epsilon": 1e-5, "batch_size": 64, "warmup": 0.0},
        "settings": {"baseline": "rloo", "samples_per_prompt": 4},
    },
}
