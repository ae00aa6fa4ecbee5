"""Ratings at equal style."""

import numpy as np
import pytest

from annotation.domain.style_control import Style, fit_style_controlled, style_of

TEXT = """# A title

Some **bold** words and __more__.

- one
- two
1. three

```python
# not a header
- not a list
```
"""


def test_it_counts_markdown_outside_code() -> None:
    assert style_of(TEXT) == Style(length=len(TEXT.split()), headers=1, lists=3, bold=2)
    assert style_of("") == Style(0, 0, 0, 0)
    assert style_of("2 * 3 ** 4 #hash a-b") == Style(7, 0, 0, 0)


def test_a_taste_for_length_is_taken_out_of_the_ratings() -> None:
    random = np.random.default_rng(3)
    left, right = np.zeros(3000, dtype=np.int64), np.ones(3000, dtype=np.int64)
    own, other = random.normal(800, 100, 3000).clip(1), random.normal(500, 100, 3000).clip(1)
    contrast = (own - other) / (own + other + 1)
    won = (random.random(3000) < 1 / (1 + np.exp(-4 * contrast))).astype(float)
    found = fit_style_controlled(
        ["A", "B"], left, right, won, own[:, None], other[:, None], features=["length"]
    )
    plain = np.log10(won.mean() / (1 - won.mean())) * 400
    # 4 logits per unit of contrast, as logits per standard deviation
    assert found.coefficients["length"] == pytest.approx(4 * contrast.std(), rel=0.25)
    assert plain > 100
    assert found.standard_errors["length"] < 0.1
    assert found.ratings["A"] - found.ratings["B"] == pytest.approx(plain, abs=40)


def test_a_feature_that_never_differs_says_nothing() -> None:
    same = np.full((4, 1), 3.0)
    found = fit_style_controlled(
        ["A", "B"],
        np.array([0, 0, 1, 1]),
        np.array([1, 1, 0, 0]),
        np.array([1.0, 0.0, 1.0, 0.0]),
        same,
        same,
        features=["lists"],
    )
    assert found.coefficients["lists"] == 0.0
    assert found.ratings["A"] == pytest.approx(1000.0)


@pytest.mark.parametrize(
    ("styles", "ridge", "sentence"),
    [
        (np.ones((3, 1)), 0.5, "style tables of shape"),
        (np.full((2, 1), -1.0), 0.5, "negative"),
        (np.ones((2, 1)), 0.0, "ridge"),
    ],
)
def test_it_refuses_what_it_cannot_fit(styles: np.ndarray, ridge: float, sentence: str) -> None:
    ends = np.array([0, 0]), np.array([1, 1])
    with pytest.raises(ValueError, match=sentence):
        fit_style_controlled(
            ["A", "B"],
            *ends,
            np.array([1.0, 0.0]),
            styles,
            styles,
            features=["length"],
            ridge=ridge,
        )
