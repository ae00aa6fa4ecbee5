"""Every figure that a run logs: name, unit, range, formula. docs/metrics.md is made from this.

`python -m training.trainers.metrics` prints the page; a test holds the page, and what runs log, to
this table.
"""

from typing import NamedTuple

TRL = "sft, pretrain, reward, dpo, kto"
TRAINED = f"{TRL}, ppo, reinforce, rloo, raft"
ON_POLICY = "ppo, reinforce, rloo"
SAMPLING = f"{ON_POLICY}, raft"


class Metric(NamedTuple):
    """One figure. `range` is an interval; a set of methods may log it."""

    name: str
    unit: str
    range: str
    methods: str
    meaning: str


METRICS = [
    Metric(
        "loss",
        "nats",
        "[0, ∞)",
        TRL,
        "Training loss of the step: the mean over its tokens "
        "(sft, pretrain), rankings (reward) or pairs (dpo, kto), over all processes. For ipo "
        "the unit is nats squared.",
    ),
    Metric("grad_norm", "-", "[0, ∞)", TRAINED, "L2 norm of the gradient before clipping."),
    Metric("lr", "-", "[0, 1]", TRAINED, "Learning rate of the step."),
    Metric("epoch", "passes", "[0, ∞)", TRL, "Passes over the training data so far."),
    Metric(
        "tokens",
        "tokens",
        "[0, ∞)",
        TRL,
        "Tokens seen by this process so far, padding left "
        "out; a prompt counts once for each answer.",
    ),
    Metric(
        "token_accuracy",
        "share",
        "[0, 1]",
        "sft, pretrain",
        "Learned tokens that were the model's first choice; mean over micro batches.",
    ),
    Metric(
        "reward/accuracy",
        "share",
        "[0, 1]",
        "reward",
        "Pairs with r(chosen) > r(rejected), ties among judgements left out; mean over micro "
        "batches.",
    ),
    Metric("reward/margin", "reward", "(-∞, ∞)", "reward", "Mean r(chosen) - r(rejected)."),
    Metric("reward/mean", "reward", "(-∞, ∞)", "reward", "Mean reward of all answers."),
    Metric(
        "dpo/accuracy",
        "share",
        "[0, 1]",
        "dpo",
        "Pairs whose chosen answer has the larger implicit reward, strictly: 0 at the start.",
    ),
    Metric("dpo/margin", "nats", "(-∞, ∞)", "dpo", "Mean implicit reward of chosen less rejected."),
    Metric(
        "dpo/rewards_chosen",
        "nats",
        "(-∞, ∞)",
        "dpo",
        "beta (ln π - ln π_ref) of the chosen answers.",
    ),
    Metric("dpo/rewards_rejected", "nats", "(-∞, ∞)", "dpo", "The same of the rejected ones."),
    Metric(
        "dpo/logps_chosen",
        "nats",
        "(-∞, 0]",
        "dpo",
        "Summed ln π of the chosen answers; commonly falls too.",
    ),
    Metric("dpo/logps_rejected", "nats", "(-∞, 0]", "dpo", "Summed ln π of the rejected answers."),
    Metric(
        "kto/kl",
        "nats",
        "[0, ∞)",
        "kto",
        "Reference point z0: mean log-ratio of mismatched answers, held at 0 from below.",
    ),
    Metric("kto/rewards_good", "nats", "(-∞, ∞)", "kto", "Mean implicit reward of good answers."),
    Metric("kto/rewards_bad", "nats", "(-∞, ∞)", "kto", "Mean implicit reward of bad answers."),
    Metric(
        "eval/loss",
        "nats",
        "[0, ∞)",
        TRL,
        "The method's loss on the validation data; for "
        "reward -ln σ(r(chosen) - r(rejected)), each pair alike.",
    ),
    Metric("eval/perplexity", "-", "[1, ∞)", "sft, pretrain", "exp(eval/loss)."),
    Metric(
        "eval/token_accuracy",
        "share",
        "[0, 1]",
        "sft, pretrain",
        "Learned tokens that were the model's first choice.",
    ),
    Metric(
        "eval/accuracy",
        "share",
        "[0, 1]",
        "reward, dpo, kto",
        "Validation pairs ordered as people did, strictly. For kto: (good, bad) answers.",
    ),
    Metric(
        "eval/accuracy_low", "share", "[0, 1]", "reward", "Lower end of Wilson's 95 % interval."
    ),
    Metric("eval/accuracy_high", "share", "[0, 1]", "reward", "Its upper end."),
    Metric(
        "eval/margin",
        "reward",
        "(-∞, ∞)",
        "reward, dpo, kto",
        "Mean (implicit) reward of the better answers less that of the worse.",
    ),
    Metric(
        "eval/calibration_error",
        "share",
        "[0, 1]",
        "reward",
        "Expected calibration error of σ(r_a - r_b), ten bins.",
    ),
    Metric("eval/brier", "-", "[0, 1]", "reward", "Mean squared error of σ(r_a - r_b)."),
    Metric(
        "eval/length_correlation",
        "-",
        "[-1, 1]",
        "reward",
        "Pearson's correlation of reward and length in tokens, over all answers.",
    ),
    Metric(
        "eval/longer_chosen",
        "share",
        "[0, 1]",
        "reward",
        "Pairs whose preferred answer is the longer one: what length alone would reach.",
    ),
    Metric("eval/rewards_chosen", "nats", "(-∞, ∞)", "dpo", "As dpo/rewards_chosen."),
    Metric("eval/rewards_rejected", "nats", "(-∞, ∞)", "dpo", "As dpo/rewards_rejected."),
    Metric("eval/logps_chosen", "nats", "(-∞, 0]", "dpo", "As dpo/logps_chosen."),
    Metric("eval/logps_rejected", "nats", "(-∞, 0]", "dpo", "As dpo/logps_rejected."),
    Metric(
        "objective/kl",
        "nats",
        "(-∞, ∞)",
        ON_POLICY,
        "KL of policy and reference, a whole answer: mean of Σ_t (ln π - ln π_ref), k1.",
    ),
    Metric(
        "objective/kl_k3",
        "nats",
        "[0, ∞)",
        ON_POLICY,
        "The same by k3: Σ_t (ρ - 1 - ln ρ), ρ = π_ref / π; never negative.",
    ),
    Metric("objective/kl_coef", "-", "[0, ∞)", ON_POLICY, "beta of this update."),
    Metric(
        "objective/scores", "reward", "(-∞, ∞)", ON_POLICY, "Mean raw score of the reward model."
    ),
    Metric("objective/scores_std", "reward", "[0, ∞)", ON_POLICY, "Its deviation over answers."),
    Metric(
        "objective/rlhf_reward",
        "reward",
        "(-∞, ∞)",
        ON_POLICY,
        "Mean shaped score - kl_coef · Σ_t k1.",
    ),
    Metric(
        "objective/entropy",
        "nats",
        "[0, ∞)",
        ON_POLICY,
        "Mean -ln π of the sampled tokens: an estimate of the policy's entropy.",
    ),
    Metric(
        "objective/entropy_exact",
        "nats",
        "[0, ∞)",
        ON_POLICY,
        "Exact entropy of the sampling policy, a token; only with exact_figures.",
    ),
    Metric(
        "objective/kl_exact",
        "nats",
        "[0, ∞)",
        ON_POLICY,
        "Mean over answers of Σ_t KL(π || π_ref) of the whole next-token distributions: what "
        "objective/kl estimates, with less noise; only with exact_figures.",
    ),
    Metric(
        "response/length", "tokens", "[1, ∞)", SAMPLING, "Mean length of an answer, EOS counted."
    ),
    Metric(
        "response/eos_rate",
        "share",
        "[0, 1]",
        f"{SAMPLING}, best_of_n",
        "Answers that ended by themselves.",
    ),
    Metric("response/unique_frac", "share", "[0, 1]", ON_POLICY, "Distinct answers of a batch."),
    Metric(
        "policy/loss",
        "-",
        "(-∞, ∞)",
        ON_POLICY,
        "Mean of max(-A ρ, -A clip(ρ, 1 ± ε)) for ppo; of -A Σ ln π for reinforce.",
    ),
    Metric(
        "policy/approx_kl",
        "nats",
        "[0, ∞)",
        "ppo",
        "KL of old and new policy, a token, by k3; the measure of stop_kl.",
    ),
    Metric("policy/clipfrac", "share", "[0, 1]", "ppo", "Tokens whose ratio was clipped."),
    Metric("policy/ratio", "-", "[0, ∞)", "ppo", "Mean ρ = π_new / π_old."),
    Metric("policy/ratio_max", "-", "[0, ∞)", "ppo", "Largest ρ."),
    Metric(
        "policy/entropy",
        "nats",
        "[0, ∞)",
        "ppo",
        "Exact entropy of the policy, a token; only when entropy_coef is not 0.",
    ),
    Metric("value/loss", "-", "[0, ∞)", "ppo", "Mean of ½ max((V - R)², (V_clip - R)²)."),
    Metric("value/clipfrac", "share", "[0, 1]", "ppo", "Tokens whose value was clipped."),
    Metric("value/mean", "reward", "(-∞, ∞)", "ppo", "Mean value."),
    Metric("value/explained_variance", "-", "(-∞, 1]", "ppo", "1 - Var(R - V) / Var(R)."),
    Metric("returns/mean", "reward", "(-∞, ∞)", "ppo", "Mean return R = A + V."),
    Metric("advantages/std", "reward", "[0, ∞)", ON_POLICY, "Deviation before whitening."),
    Metric("ptx/loss", "nats", "[0, ∞)", "ppo", "Language-model loss on the ptx data, a token."),
    Metric(
        "early_stopped", "share", "[0, 1]", "ppo", "1 when stop_kl ended the passes of this update."
    ),
    Metric("time/rollout", "seconds", "[0, ∞)", ON_POLICY, "Generating."),
    Metric("time/score", "seconds", "[0, ∞)", ON_POLICY, "Log-probabilities, values and scores."),
    Metric("time/update", "seconds", "[0, ∞)", ON_POLICY, "Gradient steps."),
    Metric("tokens_per_s", "1/s", "[0, ∞)", ON_POLICY, "Tokens generated a second of the update."),
    Metric("raft/score", "reward", "(-∞, ∞)", "raft", "Mean score of all sampled answers."),
    Metric("raft/kept_score", "reward", "(-∞, ∞)", "raft", "Mean score of the kept ones."),
    Metric("raft/kept_share", "share", "(0, 1]", "raft", "Kept answers of all."),
    Metric("raft/loss", "nats", "[0, ∞)", "raft", "Negative log-likelihood a token of the kept."),
    Metric("best_of_n/score", "reward", "(-∞, ∞)", "best_of_n", "Mean score of all answers."),
    Metric("best_of_n/best_score", "reward", "(-∞, ∞)", "best_of_n", "Mean of each prompt's best."),
    Metric(
        "best_of_n/kl_bound",
        "nats",
        "[0, ∞)",
        "best_of_n",
        "ln n - (n - 1) / n, the most that choosing moves the policy (arXiv:2401.01879).",
    ),
]

BY_NAME = {metric.name: metric for metric in METRICS}


def page() -> str:
    """docs/metrics.md."""
    lines = [
        "# Metrics",
        "",
        "Every figure that a run writes to `events.jsonl` (and to trackers), by name. Made by "
        "`python -m training.trainers.metrics > docs/metrics.md`; a test holds it to the code.",
        "",
        "`ln` is natural, so log-probabilities and divergences are in nats. π is the policy, "
        "π_ref the frozen reference, r a reward, V a value, A an advantage, R a return.",
        "",
        "| name | unit | range | methods | meaning |",
        "|---|---|---|---|---|",
    ]
    lines += [f"| `{m.name}` | {m.unit} | {m.range} | {m.methods} | {m.meaning} |" for m in METRICS]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(page(), end="")
