"""Preferences as token ids: pairs for DPO, rankings for the reward model."""

from dataclasses import dataclass, field

from training.trainers.data import PreferenceRow, read_role
from training.trainers.outcome import BadInput
from training.trainers.run_config import Role
from training.trainers.run_directory import Run
from training.trainers.tokenising import Texts


@dataclass(frozen=True)
class Pair:
    """One judgement of two answers of a ranking, by their places in it."""

    chosen: int
    rejected: int
    weight: float
    margin: float
    tie: bool
    row: PreferenceRow


@dataclass
class Ranking:
    """One prompt, its K distinct answers (whole sequences), and the judgements on them."""

    sequences: list[list[int]] = field(default_factory=list)
    prompt_length: int = 0
    pairs: list[Pair] = field(default_factory=list)

    @property
    def combinations(self) -> int:
        """C(K, 2)."""
        k = len(self.sequences)
        return k * (k - 1) // 2


def read_preferences(
    run: Run, role: Role, texts: Texts, *, grouped: bool, keep_ties: bool
) -> list[Ranking]:
    """The judgements of a role. Rows of one `group` share a Ranking if `grouped`.

    Pairs with an answer beyond training.max_length are left out: cut, they would lose their end, on
    which the reward is read. Raises BadInput when nothing is left, or when a group mixes prompts.
    """
    rows = read_role(run, role, PreferenceRow)
    rankings: dict[object, Ranking] = {}
    prompts: dict[object, object] = {}
    places: dict[tuple[object, tuple[int, ...]], int] = {}
    dropped = 0
    for number, row in enumerate(rows):
        if row.tie and not keep_ties:
            continue
        prompt, chosen = texts.pair(row.prompt, row.chosen)
        other, rejected = texts.pair(row.prompt, row.rejected)
        width = max(len(prompt) + len(chosen), len(other) + len(rejected))
        if width > run.config.training.max_length:
            dropped += 1
            continue
        key: object = ("group", row.group) if grouped and row.group is not None else number
        if prompts.setdefault(key, row.prompt) != row.prompt:
            raise BadInput(
                f"The {role} rows of group {row.group!r} have different prompts. A group is one "
                "ranking of one prompt; give each prompt a group of its own."
            )
        ranking = rankings.setdefault(key, Ranking(prompt_length=len(prompt)))
        first, second = (
            _place(ranking, places, key, prompt + answer) for answer in (chosen, rejected)
        )
        if first != second:
            ranking.pairs.append(Pair(first, second, row.weight, row.margin or 0.0, row.tie, row))
    _report(run, role, dropped, len(rows))
    kept = [ranking for ranking in rankings.values() if ranking.pairs]
    if not kept:
        raise BadInput(
            f"The {role} data has no pair to learn from: all are ties, have two answers of the "
            "same tokens, or are too long for training.max_length "
            f"{run.config.training.max_length}."
        )
    return kept


def _place(
    ranking: Ranking,
    places: dict[tuple[object, tuple[int, ...]], int],
    key: object,
    ids: list[int],
) -> int:
    """The place of an answer in its ranking; an answer that is already there is not repeated."""
    found = places.get((key, tuple(ids)))
    if found is None:
        found = places[key, tuple(ids)] = len(ranking.sequences)
        ranking.sequences.append(ids)
    return found


def _report(run: Run, role: str, dropped: int, total: int) -> None:
    if dropped:
        run.events.warning(
            "rows_dropped",
            f"{dropped} of {total} pairs of {role} were left out: they are longer than "
            f"training.max_length {run.config.training.max_length} tokens.",
        )
