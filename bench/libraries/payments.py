"""Rows as payments have them."""

import numpy as np


def payments(seed: int, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Draws n rows of 30 features in float64, of the kinds that payments have, and their labels."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 30))
    x[:, 5] = np.floor(np.exp(x[:, 5]) * 10)
    x[:, 9] = np.round(x[:, 9] * 3)
    x[:, 12] = x[:, 12] > 0.7
    x[:, 20] = np.exp(x[:, 20])
    logit = (
        x[:, 0] * x[:, 1]
        + np.sin(2 * x[:, 2])
        + 0.5 * x[:, 3] * (x[:, 4] > 0)
        + 0.02 * x[:, 5]
        - 0.3 * x[:, 9] * x[:, 12]
        + np.log1p(x[:, 20]) * x[:, 6]
        + (x[:, 7:30] * rng.normal(size=23) * 0.15).sum(1)
        - 3
    )
    y = (rng.random(n) < 1 / (1 + np.exp(-logit))).astype(np.float32)
    x[rng.random(x.shape) < 0.03] = np.nan
    return x, y
