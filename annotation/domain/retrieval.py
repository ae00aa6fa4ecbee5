"""Did the search find what it should, and does the answer stand on what was found?"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class RetrievalScores:
    """Of one query. recall, precision, ndcg: among the first k. reciprocal_rank: over the list."""

    recall: float
    precision: float
    reciprocal_rank: float
    ndcg: float


@dataclass(frozen=True)
class RetrievalReport:
    """Means over queries. excluded: queries for which no document is relevant."""

    scores: RetrievalScores | None
    n: int
    excluded: int


def retrieval_scores(
    ranked: Sequence[str], relevant: Mapping[str, int], k: int
) -> RetrievalScores | None:
    """recall@k, precision@k (of k), 1 / rank of the first relevant (0 if none), nDCG@k.

    relevant: grade by document, 0 for none; nDCG has gains 2^grade - 1 over log2(rank + 1)
    (Jarvelin and Kekalainen 2002). None if no document is relevant.
    Raises ValueError for k below 1, a document listed twice, and a negative grade.
    """
    if k < 1:
        raise ValueError(f"k is {k}; give a number of documents from 1 on.")
    if len(set(ranked)) != len(ranked):
        raise ValueError("A document is listed twice; every document has one rank.")
    if min(relevant.values(), default=0) < 0:
        raise ValueError("A grade is negative; 0 means not relevant.")
    wanted = {document for document, grade in relevant.items() if grade > 0}
    if not wanted:
        return None
    hits = len(wanted.intersection(ranked[:k]))
    first = next((rank for rank, one in enumerate(ranked, start=1) if one in wanted), None)
    ideal = sorted(relevant.values(), reverse=True)[:k]
    return RetrievalScores(
        recall=hits / len(wanted),
        precision=hits / k,
        reciprocal_rank=1.0 / first if first else 0.0,
        ndcg=_gain([relevant.get(one, 0) for one in ranked[:k]]) / _gain(ideal),
    )


def retrieval_report(
    queries: Sequence[tuple[Sequence[str], Mapping[str, int]]], k: int
) -> RetrievalReport:
    """Mean scores over (ranked, relevant) queries that have a relevant document."""
    scored = [retrieval_scores(ranked, relevant, k) for ranked, relevant in queries]
    kept = [scores for scores in scored if scores is not None]
    if not kept:
        return RetrievalReport(None, 0, len(scored))
    n = len(kept)
    means = RetrievalScores(
        recall=sum(one.recall for one in kept) / n,
        precision=sum(one.precision for one in kept) / n,
        reciprocal_rank=sum(one.reciprocal_rank for one in kept) / n,
        ndcg=sum(one.ndcg for one in kept) / n,
    )
    return RetrievalReport(means, n, len(scored) - n)


def supported_share(claims: Sequence[str], sources: Sequence[str]) -> float | None:
    """Share of claims that stand word for word in one of the sources; None without a claim.

    Case and spacing are ignored. A paraphrase does not count: this is a floor, not a judgement.
    """
    if not claims:
        return None
    texts = [_plain(source) for source in sources]
    return sum(any(_plain(claim) in text for text in texts) for claim in claims) / len(claims)


def _gain(grades: Sequence[int]) -> float:
    return sum((2.0**grade - 1.0) / math.log2(rank + 1) for rank, grade in enumerate(grades, 1))


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())
