"""Ratings at equal style: length and Markdown as regressors beside the models.

As FastChat's style control: for each feature (a - b) / (a + b + 1), standardised over battles, with
a ridge on ratings and coefficients alike. Length control is the same with the length alone.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.sparse import csr_array

from annotation.domain.arrays import Floats, Ints
from annotation.domain.logistic import fit_logistic

SCALE = 400.0
CENTRE = 1000.0
RIDGE = 0.5

CODE_BLOCK = re.compile(r"^(`{3,}|~{3,}).*?^\1[`~]*\s*$", re.MULTILINE | re.DOTALL)
HEADER = re.compile(r"^ {0,3}#{1,6}\s+\S", re.MULTILINE)
LIST_ITEM = re.compile(r"^\s*(?:[-*+]|\d{1,9}[.)])\s+\S", re.MULTILINE)
BOLD = re.compile(r"\*\*(?=\S)[^\n]+?(?<=\S)\*\*|__(?=\S)[^\n]+?(?<=\S)__")


class Style(NamedTuple):
    """What a text looks like: its length in words, headers, list items and bold passages."""

    length: int
    headers: int
    lists: int
    bold: int


def style_of(text: str) -> Style:
    """Count Markdown outside code blocks; the length counts every word, code included."""
    prose = CODE_BLOCK.sub("", text)
    return Style(
        length=len(text.split()),
        headers=len(HEADER.findall(prose)),
        lists=len(LIST_ITEM.findall(prose)),
        bold=len(BOLD.findall(prose)),
    )


@dataclass(frozen=True)
class StyleFit:
    """ratings: points around 1000. coefficients: logits per standard deviation of each feature.

    contrasts_mean, contrasts_sd: how the features were standardised. Labelled: a ridge is in it.
    """

    ratings: dict[str, float]
    coefficients: dict[str, float]
    standard_errors: dict[str, float]
    contrasts_mean: Floats
    contrasts_sd: Floats
    ridge: float


def style_contrasts(left: Floats, right: Floats) -> Floats:
    """(n, F) (a - b) / (a + b + 1) per feature: bounded, and 0 for equal texts."""
    contrasts: Floats = (left - right) / (left + right + 1.0)
    return contrasts


def fit_style_controlled(
    models: Sequence[str],
    left: Ints,
    right: Ints,
    score: Floats,
    left_style: Floats,
    right_style: Floats,
    *,
    features: Sequence[str] = Style._fields,
    ridge: float = RIDGE,
) -> StyleFit:
    """Minimise the summed log-loss + ridge / 2 * |(r, c)|^2, logit = ln 10 (r_a - r_b) + x . c.

    left, right: (n,) positions in `models`. score: (n,) the left model's share of the point.
    left_style, right_style: (n, F) counts, at least 0, in the order of `features`. A feature that
    never differs gets the coefficient 0. The ridge keeps every estimate finite, also of a model
    that never lost: the page labels it.
    Raises ValueError for negative counts, columns of other shapes, and a ridge of 0 or less.
    """
    shape = (len(left), len(features))
    if left_style.shape != shape or right_style.shape != shape or len(score) != len(left):
        raise ValueError(
            f"{len(left)} battles need style tables of shape {shape}; "
            f"given were {left_style.shape} and {right_style.shape}."
        )
    if not ridge > 0.0:
        raise ValueError(f"The ridge is {ridge!r}; give a number above 0 (FastChat uses 0.5).")
    if len(left) and min(float(left_style.min()), float(right_style.min())) < 0.0:
        raise ValueError("A style count is negative; lengths and counts start at 0.")
    contrasts = style_contrasts(left_style, right_style)
    mean, spread = contrasts.mean(axis=0), contrasts.std(axis=0)
    standard = np.divide(
        contrasts - mean, spread, out=np.zeros_like(contrasts), where=spread > 1e-12
    )
    fit = fit_logistic(_design(len(models), left, right, standard), score, ridge=ridge)
    ratings = CENTRE + SCALE * fit.coefficients[: len(models)]
    weights, errors = fit.coefficients[len(models) :], fit.standard_errors()[len(models) :]
    return StyleFit(
        ratings=dict(zip(models, ratings.tolist(), strict=True)),
        coefficients=dict(zip(features, weights.tolist(), strict=True)),
        standard_errors=dict(zip(features, errors.tolist(), strict=True)),
        contrasts_mean=mean,
        contrasts_sd=spread,
        ridge=ridge,
    )


def _design(models: int, left: Ints, right: Ints, standard: Floats) -> csr_array:
    """One row per battle: +-ln 10 at its two models, then the features. Sparse: boards are wide."""
    battles, features = standard.shape
    rows = np.repeat(np.arange(battles), 2 + features)
    columns = np.column_stack(
        [left, right, np.broadcast_to(models + np.arange(features), (battles, features))]
    )
    base = math.log(10.0)
    sides = np.full(battles, base)
    values = np.column_stack([sides, -sides, standard])
    return csr_array((values.ravel(), (rows, columns.ravel())), shape=(battles, models + features))
