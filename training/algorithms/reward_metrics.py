"""How good a reward model is on pairs that it has not seen."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid


@dataclass(frozen=True)
class RewardPair:
    """Two answers in the order shown, `a` first, with the model's rewards and the human's
    choice."""

    reward_a: float
    reward_b: float
    preferred: str  # "a" or "b"
    label: str = ""  # strength of the preference, or any group to break the accuracy down by

    def __post_init__(self) -> None:
        if self.preferred not in ("a", "b"):
            raise ValueError(f'preferred must be "a" or "b"; {self.preferred!r} was given.')
        if not (math.isfinite(self.reward_a) and math.isfinite(self.reward_b)):
            raise ValueError(f"Rewards must be finite; {self.reward_a} and {self.reward_b}.")

    @property
    def margin(self) -> float:
        """Reward of the preferred answer less that of the other."""
        difference = self.reward_a - self.reward_b
        return difference if self.preferred == "a" else -difference


@dataclass(frozen=True)
class RewardReport:
    """Figures over a set of pairs. Equal rewards count 0 in `accuracy_strict` and one half in
    `accuracy_half`; the interval is Wilson's, 95 %, of the strict one."""

    pairs: int
    accuracy_strict: float
    accuracy_half: float
    accuracy_low: float
    accuracy_high: float
    mean_margin: float
    nll: float
    ece: float
    brier: float
    accuracy_by_label: dict[str, float]


def reward_report(pairs: Sequence[RewardPair], bins: int = 10) -> RewardReport:
    """Accuracy, margin, likelihood and calibration of sigma(r_a - r_b) as the chance of "a".

    Raises ValueError for no pairs or fewer than one bin.
    """
    if not pairs:
        raise ValueError("A reward model is measured on at least one pair.")
    margins = torch.tensor([pair.margin for pair in pairs], dtype=torch.float64)
    prefers_a = torch.tensor([pair.preferred == "a" for pair in pairs], dtype=torch.float64)
    differences = torch.tensor([p.reward_a - p.reward_b for p in pairs], dtype=torch.float64)
    # p = sigma(r_a - r_b), in the order shown: turned round so that the winner is always first,
    # calibration could not be seen
    chances = torch.sigmoid(differences)
    right = int((margins > 0).sum())
    low, high = wilson_interval(right, len(pairs))
    labels = sorted({pair.label for pair in pairs})
    return RewardReport(
        pairs=len(pairs),
        accuracy_strict=right / len(pairs),
        accuracy_half=(right + 0.5 * int((margins == 0).sum())) / len(pairs),
        accuracy_low=low,
        accuracy_high=high,
        mean_margin=float(margins.mean()),
        nll=float(-logsigmoid(margins).mean()),
        ece=calibration_error(chances, prefers_a, bins),
        # mean (p - y)^2
        brier=float((chances - prefers_a).square().mean()),
        accuracy_by_label={
            label: _share([pair.margin > 0 for pair in pairs if pair.label == label])
            for label in labels
        },
    )


def calibration_bins(
    chances: Tensor, outcomes: Tensor, bins: int
) -> list[tuple[int, float, float]]:
    """Reliability diagram: for each of `bins` equal intervals [i/bins, (i+1)/bins), the last
    closed, (number, mean chance, share of outcomes that came true); (0, 0, 0) where it is empty.
    `chances` in [0, 1] and `outcomes` in {0, 1}: (N,)."""
    if bins < 1:
        raise ValueError(f"At least one bin is needed; {bins} was given.")
    places = (chances * bins).floor().clamp(max=bins - 1).long()
    rows = []
    for place in range(bins):
        inside = places == place
        n = int(inside.sum())
        rows.append(
            (n, float(chances[inside].mean()), float(outcomes[inside].mean()))
            if n
            else (0, 0.0, 0.0)
        )
    return rows


def calibration_error(chances: Tensor, outcomes: Tensor, bins: int = 10) -> float:
    """Expected calibration error (Naeini et al. 2015): sum_b (n_b / N) |share_b - mean
    chance_b|."""
    rows = calibration_bins(chances, outcomes, bins)
    # ECE = sum_b n_b / N |acc_b - conf_b|
    return math.fsum(n * abs(share - chance) for n, chance, share in rows) / len(chances)


def wilson_interval(successes: int, n: int, z: float = 1.959963984540054) -> tuple[float, float]:
    """Wilson's score interval for a share; 95 % by default. It stays in [0, 1] and is honest near
    the ends, where the normal interval is not."""
    if n < 1:
        raise ValueError("A share of nothing has no interval.")
    share = successes / n
    # (p + z^2 / 2n  -+  z sqrt(p (1 - p) / n + z^2 / 4n^2)) / (1 + z^2 / n)
    centre = share + z * z / (2 * n)
    spread = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    return max((centre - spread) / scale, 0.0), min((centre + spread) / scale, 1.0)


def length_correlation(rewards: Sequence[float], lengths: Sequence[float]) -> float | None:
    """Pearson's correlation of reward with length; None when either does not vary."""
    if len(rewards) != len(lengths):
        raise ValueError(f"{len(rewards)} rewards and {len(lengths)} lengths were given.")
    if len(rewards) < 2:
        return None
    r, n = (torch.tensor(list(x), dtype=torch.float64) for x in (rewards, lengths))
    r, n = r - r.mean(), n - n.mean()
    scale = float(r.norm() * n.norm())
    # sum r n / (|r| |n|), both centred
    return float((r * n).sum()) / scale if scale > 0 else None


def section_means(subsets: Mapping[str, tuple[int, float]]) -> tuple[float, float]:
    """(example-weighted, macro) mean of subset accuracies {name: (n, accuracy)}. RewardBench's
    section score is the weighted one; the macro mean lets ten examples count as much as ninety."""
    total = sum(n for n, _ in subsets.values())
    if total < 1 or any(n < 0 for n, _ in subsets.values()):
        raise ValueError("A section needs subsets with at least one example in all.")
    weighted = math.fsum(n * accuracy for n, accuracy in subsets.values()) / total
    return weighted, math.fsum(accuracy for _, accuracy in subsets.values()) / len(subsets)


def _share(flags: Sequence[bool]) -> float:
    return sum(flags) / len(flags)
