"""Whether votes determine a finite rating at all (Ford 1957; Albert and Anderson 1984).

A model that never lost has no finite strength: every larger number explains its votes better. The
estimate exists exactly when every model can be reached from every other along "scored against".
"""

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from annotation.domain.arrays import Floats, Ints

# A separating direction found by the linear programme gains at least this much; noise gains less.
SEPARATION = 1e-7


def strong_components(models: int, winners: Ints, losers: Ints) -> list[list[int]]:
    """Groups of models that scored against each other directly or through others, best first.

    winners, losers: (E,) positions; a tie is given in both directions. A group stands before
    another that it scored against; groups that never met keep the order of their first member.
    """
    scored = csr_array((np.ones(len(winners)), (winners, losers)), shape=(models, models))
    number, label = connected_components(scored, directed=True, connection="strong")
    if number == 1:
        return [list(range(models))]
    groups: list[list[int]] = [[] for _ in range(number)]
    for model, group in enumerate(label):
        groups[group].append(model)
    above = {(int(a), int(b)) for a, b in zip(label[winners], label[losers], strict=True) if a != b}
    return [groups[group] for group in _topological(number, above, groups)]


def _topological(number: int, above: set[tuple[int, int]], groups: list[list[int]]) -> list[int]:
    waiting = [0] * number
    below: list[list[int]] = [[] for _ in range(number)]
    for better, worse in above:
        waiting[worse] += 1
        below[better].append(worse)
    ready = sorted((g for g in range(number) if not waiting[g]), key=lambda g: groups[g][0])
    order: list[int] = []
    while ready:
        group = ready.pop(0)
        order.append(group)
        for worse in below[group]:
            waiting[worse] -= 1
            if not waiting[worse]:
                ready.append(worse)
        ready.sort(key=lambda g: groups[g][0])
    return order


def is_separated(rows: csr_array | Floats) -> bool:
    """Whether some direction d has rows @ d >= 0 everywhere and > 0 somewhere.

    rows: (R, P), one per observed outcome and rival outcome: the change of the log-odds in favour
    of what was observed. Along such a direction the likelihood rises for ever, so that no finite
    maximum exists.
    """
    from scipy.optimize import linprog  # heavy, and only some models need it

    constraints = csr_array(rows)
    total = np.asarray(constraints.sum(axis=0)).ravel()
    found = linprog(
        -total,
        A_ub=-constraints,
        b_ub=np.zeros(constraints.shape[0]),
        bounds=(-1.0, 1.0),
        method="highs",
    )
    return bool(found.status != 0 or -found.fun > SEPARATION)
