"""Hashes and splits, distributions, conversion, self-instruct, leakage, abstention, map checks."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotation.domain.abstention import Reply, score_abstention
from annotation.domain.distribution_compare import (
    INSTRUCTGPT_SHARES,
    compare_distributions,
    jensen_shannon_interval,
)
from annotation.domain.leakage import Leak, LeakageGuard
from annotation.domain.prompt_hash import prompt_hash, split_of
from annotation.domain.prompt_map import calibrate, trustworthiness
from annotation.domain.self_instruct import filter_instructions, parse_instances, why_unusable

NLI = {"0": "yes", "1": "it is not possible to tell", "2": "no"}


def test_a_prompt_is_the_same_whatever_its_white_space_line_ends_and_unicode_form() -> None:
    first = prompt_hash([("user", "Café\nplease")])
    assert prompt_hash([{"role": "user", "content": " Cafe\u0301\r\nplease \n"}]) == first
    assert prompt_hash([("system", "Café\nplease")]) != first
    assert prompt_hash([("user", "Café\nplease")], ["and then?"]) != first
    assert prompt_hash([("user", "a"), ("user", "b")]) != prompt_hash([("user", "a\nb")])


def test_the_fingerprint_of_a_prompt_never_changes() -> None:
    """It is stored and decides the split: another value would move prompts between the sides."""
    import hashlib

    plain = '[["user","Name a river."]]'
    assert prompt_hash([("user", "Name a river.")]) == hashlib.sha256(plain.encode()).hexdigest()


def test_the_split_follows_from_the_hash_alone() -> None:
    names = [prompt_hash([("user", str(n))]) for n in range(2000)]
    held_out = [name for name in names if split_of(name, 0.1) == "validation"]
    # Binomial(2000, 0.1): mean 200, standard deviation 13.4.
    assert 150 < len(held_out) < 250
    assert held_out == [name for name in names if split_of(name, 0.1) == "validation"]
    assert [split_of(name, 0.2) for name in held_out] == ["validation"] * len(held_out)
    assert {split_of(name, 0.0) for name in names} == {"train"}
    with pytest.raises(ValueError, match="share"):
        split_of(names[0], 1.5)


def test_equal_distributions_are_no_distance_apart_and_disjoint_ones_ln_2() -> None:
    same = compare_distributions([3, 5], [30, 50])
    assert (same.js, same.tv, same.dof) == (pytest.approx(0.0, abs=1e-15), 0.0, 1)
    apart = compare_distributions([7, 0, 0], [0, 4, 0])
    assert (apart.js, apart.tv, apart.dof) == (pytest.approx(math.log(2)), 1.0, 1)
    assert list(INSTRUCTGPT_SHARES.values()) == sorted(INSTRUCTGPT_SHARES.values(), reverse=True)


@pytest.mark.parametrize(
    ("a", "b"),
    [([1], [1, 2]), ([], []), ([0, 0], [1, 1]), ([-1, 2], [1, 1]), ([math.inf, 1], [1, 1])],
)
def test_counts_that_are_no_distribution_are_refused(a: list[float], b: list[float]) -> None:
    with pytest.raises(ValueError, match=r"distribution|categories"):
        compare_distributions(a, b)


def test_the_interval_of_the_divergence_holds_the_estimate_and_narrows_with_data() -> None:
    few = jensen_shannon_interval([30, 20, 10], [10, 20, 30], seed=1)
    many = jensen_shannon_interval([3000, 2000, 1000], [1000, 2000, 3000], seed=1)
    estimate = compare_distributions([30, 20, 10], [10, 20, 30]).js
    assert few[0] <= estimate <= few[1]
    assert many[1] - many[0] < (few[1] - few[0]) / 3


@pytest.mark.parametrize(
    ("instruction", "reason"),
    [
        ("", "empty"),
        ("One two three", "too short"),
        ("word " * 151, "too long"),
        ("Describe the files on a disk", "needs more than text"),
        ("Explain what a mapmaker does", ""),
        ("Write a program that adds numbers", "asks for a program"),
        ("(a) Tell me a story", "starts with punctuation"),
        ("Écris un poème sur la mer", "starts with a letter beyond ASCII"),
    ],
)
def test_each_reason_against_an_instruction_is_named(instruction: str, reason: str) -> None:
    assert why_unusable(instruction) == reason


def test_a_continuation_cut_by_its_length_gives_no_instructions() -> None:
    text = " Tell me about the sea.\n2. Tell me about the sky."
    assert len(filter_instructions(text, "stop")) == 2
    assert filter_instructions(text, "length") == []


def test_contradicting_instances_drop_the_task_and_repeated_ones_count_once() -> None:
    raw = "Example 1\nInput: x\nOutput: 1\nExample 2\nInput: x\nOutput: {}"
    assert parse_instances(raw.format(2), "Do", is_classification=False) == []
    assert parse_instances(raw.format(1), "Do", is_classification=False) == [("Do", "x", "1")]


@given(st.text(), st.booleans())
def test_any_continuation_can_be_parsed(raw: str, is_classification: bool) -> None:
    for instance in parse_instances(raw, "Do", is_classification=is_classification):
        assert instance.output


def test_a_protected_text_is_recognised_whole_in_part_and_edited() -> None:
    held_out = "Explain in a few words why the sky is blue at noon and red when the sun goes down."
    guard = LeakageGuard()
    guard.protect({"board": held_out, "short": "Name a river."})
    assert guard.leak(f"  {held_out.upper()} ") == (found := guard.leak(held_out))
    assert found is not None
    assert (found.reason, found.protected) == (Leak.EXACT, "board")
    part = guard.leak("Answer: why the sky is blue at noon and red when the sun goes now.")
    assert part is not None
    assert part.reason is Leak.THIRTEEN_GRAM
    words = held_out.split()
    words[8] = "green"  # 3 of 17 shingles change: Jaccard 14 / 20 = 0.7; no 13 words in a row stay
    near = guard.leak(" ".join(words))
    assert near is not None
    assert near.reason is Leak.NEAR_DUPLICATE
    assert guard.leak("Explain how bread is made.") is None


def test_abstention_is_counted_from_each_side() -> None:
    replies = [
        Reply(answerable=True, abstained=False, correct=True, confidence=0.9),
        Reply(answerable=True, abstained=False, correct=False, confidence=0.8),
        Reply(answerable=True, abstained=True, correct=False, confidence=0.1),
        Reply(answerable=False, abstained=True, correct=False, confidence=0.2),
    ]
    scores = score_abstention(replies)
    assert (scores.acc, scores.macc, scores.rr) == (25.0, 50.0, 50.0)
    assert scores.idk_score == 50.0 + 0.5 * 50.0
    assert scores.aurc == (0 / 1 + 1 / 2) / 2
    assert scores.over_refusal == pytest.approx(1 / 3)
    assert scores.correct_abstention == 1.0
    silent = score_abstention(replies[2:])
    assert (silent.macc, silent.selective_accuracy, silent.aurc) == (0.0, None, None)
    with pytest.raises(ValueError, match="no replies"):
        score_abstention([])


def test_a_calibrated_neighbourhood_has_the_perplexity_asked_for() -> None:
    found = calibrate([1.0, 4.0, 9.0, 0.5, 2.0], 3.0)
    entropy = -sum(p * math.log2(p) for p in found.p)
    assert 2**entropy == pytest.approx(3.0)
    assert sum(found.p) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("distances", "perplexity"),
    [
        ([1.0], 1.5),
        ([1.0, 2.0], 2.0),
        ([1.0, -2.0], 1.5),
        ([1.0, 1.0, 1.0], 2.0),
        ([0, 0, 0, 5], 2.0),
    ],
)
def test_a_perplexity_out_of_reach_is_refused(distances: list[float], perplexity: float) -> None:
    with pytest.raises(ValueError, match=r"perplexity|points|distance"):
        calibrate(distances, perplexity)


def test_a_layout_equal_to_the_points_is_trustworthy_and_k_has_bounds() -> None:
    points = [[float(n), float(n * n % 7)] for n in range(9)]
    assert trustworthiness(points, points, 3) == 1.0
    with pytest.raises(ValueError, match="k is 5"):
        trustworthiness(points, points, 5)
    with pytest.raises(ValueError, match="equally many"):
        trustworthiness(points, points[:-1], 2)
