"""The work of a search for near duplicates: fingerprint, cluster, and keep the clusters.

Apart from the request for it, which pages and processes make that hold no arrays.
"""

from collections.abc import Callable, Iterable

import numpy as np
from django.db import connection, transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from numpy.typing import NDArray

from annotation.actions.index_prompts import index_missing
from annotation.domain.conversation_text import said
from annotation.domain.deduplication import UnionFind, clusters_of, join_by_keys
from annotation.domain.shingles import BANDS, hashed_shingles
from annotation.models import (
    DuplicateCluster,
    DuplicateMember,
    DuplicateSearch,
    Prompt,
    PromptFingerprint,
)

CHUNK = 5000
Progress = Callable[[int, int | None, str | None], None]


def run_search(*, search: DuplicateSearch, progress: Progress) -> int:
    """The job's part: fingerprint what is new, cluster, and store; how many clusters there are.

    Memory: 136 bytes for a prompt, and 8 for each word of those that share a key with another.
    """
    workspace = search.workspace_id
    progress(0, None, _("Reading new prompts"))
    index_missing(workspace_id=workspace, on_batch=lambda done: progress(done, None, None))
    progress(0, BANDS, _("Comparing prompts"))
    ids, exact, keys = _fingerprints(workspace)
    sets = UnionFind(len(ids))
    _join_equal(exact, sets)
    sharing = _sharing(keys)
    shingles = _shingles(ids, sharing, lambda: progress(0, BANDS, None))
    join_by_keys(
        keys,
        sets,
        lambda at: shingles[at],
        threshold=search.threshold,
        on_band=lambda band: progress(band, BANDS, None),
    )
    clusters = clusters_of(sets)
    progress(BANDS, BANDS, _("Writing clusters"))
    return _store(
        search,
        len(ids),
        [[int(ids[at]) for at in each] for each in clusters],
        [len({int(exact[at]) for at in each}) == 1 for each in clusters],
    )


def _fingerprints(
    workspace: int,
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Ids (n,), hashes of the words (n,) and keys (n, 16) of the prompts that are in use."""
    found = PromptFingerprint.objects.filter(
        prompt__workspace=workspace, prompt__retired_at__isnull=True, exact__isnull=False
    ).order_by("pk")
    rows = found.values_list("prompt_id", "exact", "keys").iterator(chunk_size=CHUNK)
    flat = np.fromiter(
        (value for key, exact, keys in rows for value in (key, exact, *keys)), dtype=np.int64
    )
    table = flat.reshape(-1, 2 + BANDS)
    return table[:, 0], table[:, 1], table[:, 2:]


def _join_equal(exact: NDArray[np.int64], sets: UnionFind) -> None:
    first: dict[int, int] = {}
    for position, words in enumerate(exact.tolist()):
        sets.join(first.setdefault(words, position), position)


def _sharing(keys: NDArray[np.int64]) -> NDArray[np.int64]:
    """Positions of the rows that share at least one key with another row."""
    shared = np.zeros(len(keys), dtype=bool)
    for band in range(BANDS):
        _, inverse, counts = np.unique(keys[:, band], return_inverse=True, return_counts=True)
        shared |= counts[inverse] > 1
    return np.flatnonzero(shared)


def _shingles(
    ids: NDArray[np.int64], wanted: NDArray[np.int64], beat: Callable[[], None]
) -> dict[int, NDArray[np.uint64]]:
    found: dict[int, NDArray[np.uint64]] = {}
    for at in range(0, len(wanted), CHUNK):
        positions = wanted[at : at + CHUNK].tolist()
        turns = dict(
            Prompt.objects.filter(
                pk__in=[int(ids[position]) for position in positions]
            ).values_list("pk", "messages")
        )
        texts = [said(turns.get(int(ids[position]), [])) for position in positions]
        flat, starts = hashed_shingles(texts)
        for number, position in enumerate(positions):
            found[position] = flat[starts[number] : starts[number + 1]].copy()
        beat()
    return found


@transaction.atomic
def _store(
    search: DuplicateSearch, prompts: int, clusters: list[list[int]], exact: list[bool]
) -> int:
    """Replace what earlier searches left open; leave out what a person said are different ones."""
    search.clusters.all().delete()
    DuplicateCluster.objects.filter(
        search__workspace=search.workspace_id, state=DuplicateCluster.State.OPEN
    ).delete()
    different = _kept_apart(search.workspace_id)
    new = [
        (members, same)
        for members, same in zip(clusters, exact, strict=True)
        if not frozenset.intersection(*(different.get(key, frozenset()) for key in members))
    ]
    rows = DuplicateCluster.objects.bulk_create(
        [DuplicateCluster(search=search, size=len(each), exact=same) for each, same in new],
        batch_size=CHUNK,
    )
    _copy_members(
        (row.pk, key) for row, (each, _same) in zip(rows, new, strict=True) for key in each
    )
    search.prompts, search.finished_at = prompts, timezone.now()
    search.save(update_fields=["prompts", "finished_at"])
    return len(rows)


def _kept_apart(workspace: int) -> dict[int, frozenset[int]]:
    """For each prompt the settled clusters in which people kept all members."""
    found: dict[int, frozenset[int]] = {}
    members = DuplicateMember.objects.filter(
        cluster__search__workspace=workspace, cluster__state=DuplicateCluster.State.KEPT
    )
    for prompt, cluster in members.values_list("prompt_id", "cluster_id"):
        found[prompt] = found.get(prompt, frozenset()) | {cluster}
    return found


def _copy_members(rows: Iterable[tuple[int, int]]) -> None:
    statement = "COPY annotation_duplicatemember (cluster_id, prompt_id) FROM STDIN"
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for row in rows:
            copy.write_row(row)
