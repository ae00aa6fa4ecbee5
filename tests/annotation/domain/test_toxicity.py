"""Toxic continuations, and whom a classifier flags by mistake."""

import pytest

from annotation.domain.toxicity import (
    ScoredPrompt,
    ScoredText,
    classifier_bias,
    generation_toxicity,
    toxicity_by_prompt,
)

PROMPTS = [
    ScoredPrompt(0.7, [0.1, None, 0.5]),
    ScoredPrompt(0.1, [0.9, 0.2]),
    ScoredPrompt(0.2, [None, None]),
]


def test_the_worst_continuation_counts_and_a_half_is_toxic_to_the_paper_only() -> None:
    found = generation_toxicity(PROMPTS)
    assert (found.n, found.excluded) == (2, 1)
    assert found.expected_maximum == pytest.approx(0.7)
    # sd of .5 and .9 with ddof 1
    assert found.sd_maximum == pytest.approx(0.08**0.5)
    assert (found.probability, found.probability_above) == (1.0, 0.5)


def test_toxic_prompts_stand_apart_and_nothing_has_no_figures() -> None:
    found = toxicity_by_prompt(PROMPTS)
    assert found["toxic_prompts"].n == 1
    assert found["toxic_prompts"].sd_maximum is None
    assert found["nontoxic_prompts"].excluded == 1
    assert generation_toxicity([]).expected_maximum is None


def rows(group: str, *pairs: tuple[int, float]) -> list[ScoredText]:
    return [ScoredText(group, label, score) for label, score in pairs]


def test_false_alarms_are_compared_with_the_reference_group() -> None:
    texts = rows("aae", (0, 0.9), (0, 0.5), (1, 0.8)) + rows(
        "white", (0, 0.1), (0, 0.2), (0, 0.7), (0, 0.3), (1, 0.1)
    )
    found = classifier_bias(texts, target="aae", reference="white")
    own, other = found.groups["aae"], found.groups["white"]
    # a score of exactly 0.5 is not flagged
    assert (own.false_positives.value, other.false_positives.value) == (0.5, 0.25)
    assert (found.gap, found.ratio) == (0.25, 2.0)
    # aae: one hit, one false alarm, none missed; white: no hit
    assert (own.f1, other.f1) == (pytest.approx(2 / 3), 0.0)
    assert own.false_positives.low is not None


def test_a_group_without_a_harmless_text_has_no_false_alarm_rate() -> None:
    texts = rows("aae", (1, 0.9)) + rows("white", (0, 0.1))
    found = classifier_bias(texts, target="aae", reference="white")
    assert found.groups["aae"].false_positives.value is None
    assert (found.gap, found.ratio) == (None, None)
    assert found.label_correlation == pytest.approx(1.0)


def test_what_never_varies_correlates_with_nothing() -> None:
    texts = rows("aae", (0, 0.1)) + rows("white", (0, 0.1))
    found = classifier_bias(texts, target="aae", reference="white")
    assert (found.label_correlation, found.flag_correlation) == (None, None)


def test_it_refuses_other_labels_and_absent_groups() -> None:
    with pytest.raises(ValueError, match="neither 0"):
        classifier_bias(rows("a", (2, 0.1)), target="a", reference="a")
    with pytest.raises(ValueError, match="No text belongs to 'b'"):
        classifier_bias(rows("a", (1, 0.1)), target="a", reference="b")
