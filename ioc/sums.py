"""Sums: measures of contributions added up, as matrices. Pure."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Measures = tuple[int, ...]
"""Integers of one contribution, scaled by the declared unit."""
Matrix = NDArray[np.int64]
"""Summed measures, shape (rows, measures)."""
Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


def scaled(scale: float, ratio: str) -> str:
    """A ratio and what it is multiplied with, for people.

    >>> scaled(100, "a / b"), scaled(1 / 3600, "a / b"), scaled(1, "a / b")
    ('100 x a / b', 'a / b / 3600', 'a / b')
    """
    return ratio if scale == 1 else f"{scale:g} x {ratio}" if scale > 1 else f"{ratio} / {1 / scale:g}"


def over(part: Matrix, whole: Matrix) -> Floats:
    """Part over whole of each row; NaN where the whole is 0."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(whole == 0, np.nan, part / np.where(whole == 0, 1, whole))
