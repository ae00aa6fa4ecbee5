"""Did the search find what it should?"""

import math

import pytest

from annotation.domain.retrieval import retrieval_report, retrieval_scores, supported_share


def test_scores_by_hand() -> None:
    found = retrieval_scores(["x", "a", "y", "b"], {"a": 2, "b": 1, "z": 0}, 3)
    assert found is not None
    assert (found.recall, found.precision, found.reciprocal_rank) == (0.5, 1 / 3, 0.5)
    # gain 3 at rank 2, ideal 3 at rank 1 and 1 at rank 2
    ideal = 3 + 1 / math.log2(3)
    assert found.ndcg == pytest.approx(3 / math.log2(3) / ideal)


def test_the_ideal_order_scores_one_and_nothing_found_scores_zero() -> None:
    best = retrieval_scores(["a", "b"], {"a": 3, "b": 1}, 2)
    worst = retrieval_scores(["x", "y"], {"a": 3}, 2)
    assert best is not None
    assert worst is not None
    assert (best.ndcg, best.recall) == (1.0, 1.0)
    assert (worst.ndcg, worst.reciprocal_rank) == (0.0, 0.0)


def test_a_query_without_a_relevant_document_is_excluded_and_counted() -> None:
    assert retrieval_scores(["a"], {"a": 0}, 1) is None
    found = retrieval_report([(["a"], {"a": 1}), (["a"], {}), (["b"], {"a": 1})], 1)
    assert (found.n, found.excluded) == (2, 1)
    assert found.scores is not None
    assert found.scores.recall == 0.5
    assert retrieval_report([(["a"], {})], 1).scores is None


@pytest.mark.parametrize(
    ("ranked", "relevant", "k"),
    [(["a"], {"a": 1}, 0), (["a", "a"], {"a": 1}, 1), (["a"], {"a": -1}, 1)],
)
def test_it_refuses_lists_without_a_meaning(
    ranked: list[str], relevant: dict[str, int], k: int
) -> None:
    with pytest.raises(ValueError, match=r"k is|twice|negative"):
        retrieval_scores(ranked, relevant, k)


def test_a_claim_is_supported_where_it_stands_in_a_source() -> None:
    sources = ["The  Nile is long.", "It rains."]
    assert supported_share(["the nile is long", "The Nile is short"], sources) == 0.5
    assert supported_share([], sources) is None
