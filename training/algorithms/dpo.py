"""Direct preference optimisation and its relatives."""

from typing import Literal, NamedTuple, get_args

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

DPOVariant = Literal["dpo", "cdpo", "ipo", "ref_free"]


class DPOLoss(NamedTuple):
    """`losses`, `chosen_rewards`, `rejected_rewards` (B,); `loss`, `accuracy`, `margin` scalars.
    Rewards are the implicit ones, beta (ln pi - ln pi_ref), detached. `accuracy` counts strictly
    larger rewards only, so it is 0 at initialisation, where all are equal."""

    loss: Tensor
    losses: Tensor
    chosen_rewards: Tensor
    rejected_rewards: Tensor
    accuracy: Tensor
    margin: Tensor


def dpo_loss(
    chosen_logps: Tensor,
    rejected_logps: Tensor,
    ref_chosen_logps: Tensor,
    ref_rejected_logps: Tensor,
    *,
    beta: float,
    variant: DPOVariant = "dpo",
    label_smoothing: float = 0.0,
) -> DPOLoss:
    """Rafailov et al. 2023 (arXiv:2305.18290), equation 7, and three variants.

    All log-probabilities (B,) are summed over the completion, in nats. With
    h = (ln pi(y_w) - ln pi(y_l)) - (ln pi_ref(y_w) - ln pi_ref(y_l)):
    - `dpo`: - ln sigma(beta h);
    - `cdpo`: (1 - e) (- ln sigma(beta h)) + e (- ln sigma(- beta h)), e = `label_smoothing`, the
      share of labels taken to be flipped (Mitchell 2023);
    - `ipo`: (h - 1 / (2 beta))^2 (Azar et al. 2023, arXiv:2310.12036, equation 17);
    - `ref_free`: `dpo` with a uniform reference, whose terms cancel.
    Raises ValueError for a beta not above 0, an unknown variant, or a smoothing outside [0, 0.5].
    """
    if not beta > 0:
        raise ValueError(f"beta must be above 0; {beta} was given.")
    if variant not in get_args(DPOVariant):
        raise ValueError(
            f"Unknown variant {variant!r}; allowed: {', '.join(get_args(DPOVariant))}."
        )
    if not 0.0 <= label_smoothing <= 0.5:
        raise ValueError(f"label_smoothing must lie in [0, 0.5]; {label_smoothing} was given.")
    if variant == "ref_free":
        reference = torch.zeros_like(chosen_logps)
    else:
        reference = ref_chosen_logps - ref_rejected_logps
    # h = (ln pi_w - ln pi_l) - (ln ref_w - ln ref_l)
    h = (chosen_logps - rejected_logps) - reference
    if variant == "ipo":
        # (h - 1 / (2 beta))^2
        losses = (h - 1.0 / (2.0 * beta)).square()
    else:
        # - (1 - e) ln sigma(beta h) - e ln sigma(- beta h)
        smoothing = label_smoothing
        losses = -(1.0 - smoothing) * logsigmoid(beta * h)
        if smoothing:
            losses = losses - smoothing * logsigmoid(-beta * h)
    # r = beta (ln pi - ln pi_ref); the reference stays in the reward of `ref_free`, as in the
    # authors' code: it is what the policy is measured against, whatever the loss left out
    chosen_rewards = beta * (chosen_logps - ref_chosen_logps).detach()
    rejected_rewards = beta * (rejected_logps - ref_rejected_logps).detach()
    return DPOLoss(
        loss=losses.mean(),
        losses=losses,
        chosen_rewards=chosen_rewards,
        rejected_rewards=rejected_rewards,
        accuracy=(chosen_rewards > rejected_rewards).to(h.dtype).mean(),
        margin=(chosen_rewards - rejected_rewards).mean(),
    )
