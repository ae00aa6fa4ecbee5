"""True labels and people's errors, together."""

import numpy as np
import pytest

from annotation.domain import dawid_skene as module
from annotation.domain.dawid_skene import dawid_skene


def simulated() -> tuple[list[tuple[int, str, str]], list[str]]:
    """400 items, three careful people and one who answers "good" most of the time."""
    random = np.random.default_rng(1)
    truth = ["good" if flip else "bad" for flip in random.random(400) < 0.4]
    rows = []
    for item, true in enumerate(truth):
        for person in ("ann", "mia", "eve"):
            other = "bad" if true == "good" else "good"
            rows.append((item, person, true if random.random() < 0.85 else other))
        rows.append((item, "bob", "good" if random.random() < 0.9 else "bad"))
    return rows, truth


def test_it_finds_the_truth_and_who_told_it() -> None:
    rows, truth = simulated()
    found = dawid_skene(rows)
    assert found.converged
    guess = [found.labels[at] for at in found.posterior.argmax(axis=1)]
    assert np.mean([a == b for a, b in zip(guess, truth, strict=True)]) > 0.92
    good = found.labels.index("good")
    assert found.prior[good] == pytest.approx(truth.count("good") / 400, abs=0.04)
    accuracy = found.accuracy()
    assert accuracy["ann"] == pytest.approx(0.85, abs=0.06)
    # bob says "good" whatever the truth: right for the 40 % that are.
    bob = found.confusion[found.raters.index("bob")]
    assert bob[:, found.labels.index("good")] == pytest.approx([0.9, 0.9], abs=0.06)


def test_probabilities_are_probabilities() -> None:
    found = dawid_skene(simulated()[0])
    assert found.posterior.sum(axis=1) == pytest.approx(np.ones(400))
    assert found.confusion.sum(axis=2) == pytest.approx(np.ones((4, 2)))
    assert found.prior.sum() == pytest.approx(1.0)


def test_the_order_of_the_labels_does_not_matter() -> None:
    rows = simulated()[0]
    one, other = dawid_skene(rows), dawid_skene(rows[::-1])
    assert one.log_likelihood == pytest.approx(other.log_likelihood, abs=1e-6)


def test_it_refuses_nothing() -> None:
    with pytest.raises(ValueError, match="no label to combine"):
        dawid_skene([])


def alike() -> list[tuple[int, int, str]]:
    """400 items, each seen by 3 of 8 people who all err alike: plain steps hardly move."""
    random = np.random.default_rng(0)
    names = np.array(["a", "b", "c"])
    rows = []
    for item, truth in enumerate(random.choice(names, 400)):
        for person in random.choice(8, 3, replace=False).tolist():
            label = truth if random.random() < 0.6 else random.choice(names)
            rows.append((item, person, str(label)))
    return rows


def test_long_strides_arrive_where_short_steps_do_and_sooner(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    steps = 0
    step = module._Said.step

    def counted(said: module._Said, posterior: np.ndarray) -> module._Step:
        nonlocal steps
        steps += 1
        return step(said, posterior)

    monkeypatch.setattr(module._Said, "step", counted)
    strides = dawid_skene(alike())
    taken, steps = steps, 0
    monkeypatch.setattr(module, "_ahead", lambda start, one, two: two)
    plain = dawid_skene(alike())
    assert strides.converged
    assert plain.converged
    assert strides.log_likelihood == pytest.approx(plain.log_likelihood, abs=1e-6)
    assert strides.posterior == pytest.approx(plain.posterior, abs=1e-5)
    assert strides.accuracy() == pytest.approx(plain.accuracy(), abs=1e-5)
    assert taken < steps / 2
