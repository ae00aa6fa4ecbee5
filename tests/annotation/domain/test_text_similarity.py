"""ROUGE-L and the novelty filter, against rouge_score and against a full scan."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rouge_score import rouge_scorer

from annotation.domain.novelty_gate import NoveltyGate, Rule
from annotation.domain.text_similarity import (
    character_ngrams,
    f_measure,
    is_beyond_latin,
    lcs_length,
    ngram_similarity,
    rouge_l,
    tokens,
)

SCORER = rouge_scorer.RougeScorer(["rougeL"], use_stemmer=False)
words = st.lists(
    st.sampled_from(["write", "a", "poem", "about", "the", "frog", "Ünicode", "1,000", "x-y"])
).map(" ".join)


@given(words | st.text(), words | st.text())
def test_rouge_l_is_what_rouge_score_says(target: str, prediction: str) -> None:
    theirs = SCORER.score(target, prediction)["rougeL"]
    assert rouge_l(target, prediction) == (theirs.precision, theirs.recall, theirs.fmeasure)


@given(st.text("abc"), st.text("abc"))
def test_the_common_subsequence_is_the_textbooks(first: str, second: str) -> None:
    table = [[0] * (len(second) + 1) for _ in range(len(first) + 1)]
    for i, x in enumerate(first):
        for j, y in enumerate(second):
            table[i + 1][j + 1] = (
                table[i][j] + 1 if x == y else max(table[i][j + 1], table[i + 1][j])
            )
    assert lcs_length(first, second) == table[-1][-1]
    assert lcs_length(second, first) == table[-1][-1]


@pytest.mark.parametrize("rule", Rule)
@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6), size=st.integers(0, 150))
def test_the_gate_decides_as_a_full_scan_does(rule: Rule, seed: int, size: int) -> None:
    source = random.Random(seed)
    vocabulary = [f"w{int(source.paretovariate(0.6)) % 60}" for _ in range(200)]
    texts = [" ".join(source.choices(vocabulary, k=source.randint(0, 12))) for _ in range(size)]
    gate, accepted = NoveltyGate(rule=rule), []
    for text in texts:
        scores = [
            f_measure(
                lcs_length(tokens(text), tokens(other)), len(tokens(text)), len(tokens(other))
            )
            for other in accepted
        ]
        best = max(scores, default=0.0)
        novel = best < 0.7 if rule is Rule.PAPER else best <= 0.7
        assert gate.check(text, exact=True).score == best
        verdict = gate.admit(text)
        assert verdict.novel == novel
        if not novel:
            assert verdict.score == best
            assert scores[verdict.nearest] == best
        else:
            accepted.append(text)
    assert gate.pool == accepted


def test_exactly_the_threshold_is_new_to_the_code_and_not_to_the_paper() -> None:
    pool = ["a b c d e f g h i j"]
    for rule, novel in ((Rule.PAPER, False), (Rule.CODE, True)):
        assert NoveltyGate(rule=rule, pool=pool).check("a b c d e f g x y z").novel is novel


def test_a_rule_or_threshold_that_means_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="papr"):
        NoveltyGate(rule="papr")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="threshold"):
        NoveltyGate(threshold=0.0)


def test_other_scripts_are_compared_by_character_ngrams_when_asked() -> None:
    poem, again = "请写一首关于春天的诗", "请写一首关于春天的诗。"
    assert NoveltyGate(pool=[poem]).check(again).novel
    verdict = NoveltyGate(pool=[poem], other_scripts=True).check(again)
    assert (verdict.novel, verdict.score, verdict.nearest) == (False, 1.0, 0)
    assert NoveltyGate(pool=[poem], other_scripts=True).check("解释量子力学的基本原理").novel
    assert is_beyond_latin(poem)
    assert not is_beyond_latin("Übersetze naïve Texte")
    assert ngram_similarity(poem, "") == 0.0
    assert character_ngrams("a b!") == {"ab"}
