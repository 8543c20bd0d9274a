"""Sums: measures of contributions added up, as matrices. Pure."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Measures = tuple[int, ...]
"""Integers of one contribution, scaled by the declared unit."""
Matrix = NDArray[np.int64]
"""Summed measures, shape (rows, measures)."""
Floats = NDArray[np.float64]


def over(part: Matrix, whole: Matrix) -> Floats:
    """Part over whole of each row; NaN where the whole is 0."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(whole == 0, np.nan, part / np.where(whole == 0, 1, whole))
