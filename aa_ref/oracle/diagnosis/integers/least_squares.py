"""Least squares over many answers: quick where unknowns are hundreds and equations well apart."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["LeastSquares"]

Values = NDArray[np.float64]


class LeastSquares:
    """Fits of weights and a constant to answers, all by the same samples.

    The normal equations take a tenth of the time of an orthogonal decomposition. Random levels are
    so nearly orthogonal, once their means are taken off, that these lose no more than a few digits,
    and a second step gets these back.

    Parameters
    ----------
    x : ndarray of shape (answers, samples)

    Attributes
    ----------
    variances : ndarray of shape (samples,)
        Of the weights, if answers are off by a variance of 1.
    """

    def __init__(self, x: Values) -> None:
        self._mean = x.mean(0)
        self._x = x - self._mean
        products = self._x.T @ self._x
        many = len(x) > x.shape[1] + 1
        self._inverse = np.linalg.inv(products) if many else np.linalg.pinv(products)
        self.variances: Values = np.maximum(np.diag(self._inverse), 0.0)

    def fit(self, y: Values) -> tuple[Values, float, Values]:
        """Return the weights, the constant, and what is left of the answers."""
        rest = y - y.mean()
        weights = np.zeros(self._x.shape[1])
        for _ in range(2):
            step = self._inverse @ (self._x.T @ rest)
            weights += step
            rest = rest - self._x @ step
        return weights, float(y.mean() - self._mean @ weights), rest
