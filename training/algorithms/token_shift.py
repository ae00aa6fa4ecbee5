"""What alignment changed, token by token (Lin et al. 2023, arXiv:2312.01552, section 2.1)."""

from typing import NamedTuple

from torch import Tensor

from training.algorithms.kl import exact_token_kl

LABELS = ("unshifted", "marginal", "shifted")


class TokenShift(NamedTuple):
    """`tokens`, `ranks` (T,) integers; `labels` T names; `shares` of each name; `kl` (T,) nats."""

    tokens: Tensor
    ranks: Tensor
    labels: list[str]
    shares: dict[str, float]
    kl: Tensor


def token_shift(aligned_logits: Tensor, base_logits: Tensor) -> TokenShift:
    """Where the aligned model's greedy tokens stand with the base model on the same context.

    Both (T, V), position t read before token t of the aligned model's greedy answer. The rank of a
    token is 1 + the number of strictly larger base logits: 1 is unshifted, 2 and 3 marginal, beyond
    shifted. `kl` is KL(aligned || base) per position. Raises ValueError for shapes that differ.
    """
    if aligned_logits.shape != base_logits.shape or aligned_logits.ndim != 2:
        raise ValueError(
            "Logits of both models must be (T, V) on the same context; "
            f"{tuple(aligned_logits.shape)} and {tuple(base_logits.shape)} were given."
        )
    tokens = aligned_logits.argmax(-1)
    chosen = base_logits.gather(-1, tokens[:, None])
    # eta = 1 + #{v : z_base(v) > z_base(token)}
    ranks = 1 + (base_logits > chosen).sum(-1)
    labels = [LABELS[0] if rank == 1 else LABELS[1] if rank <= 3 else LABELS[2] for rank in ranks]
    count = max(len(labels), 1)
    return TokenShift(
        tokens=tokens,
        ranks=ranks,
        labels=labels,
        shares={name: labels.count(name) / count for name in LABELS},
        kl=exact_token_kl(aligned_logits, base_logits),
    )


def top_shifted(shift: TokenShift, count: int = 20) -> list[tuple[int, int]]:
    """The tokens most often shifted: (token id, times), most frequent first, then by id."""
    times: dict[int, int] = {}
    for token, label in zip(shift.tokens.tolist(), shift.labels, strict=True):
        if label == "shifted":
            times[token] = times.get(token, 0) + 1
    return sorted(times.items(), key=lambda entry: (-entry[1], entry[0]))[:count]
