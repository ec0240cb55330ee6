"""Small made-up training sets. Every draw comes from the generator handed in, so that a case is the same anywhere."""

import numpy as np
import pandas as pd

SHAPES = [
    lambda rng, n: rng.normal(size=n).round(2),
    lambda rng, n: np.exp(rng.normal(3, 1.5, size=n)).round(1),
    lambda rng, n: rng.poisson(3, size=n),
    lambda rng, n: rng.uniform(-1, 1, size=n).round(3),
    lambda rng, n: rng.integers(0, 2, size=n),
]


def numbers(rng, n=240, k=5, missing=0.0, dtype=np.float32):
    """k columns of different shapes: normal, amounts, counts, shares, flags."""
    x = np.array([SHAPES[i % len(SHAPES)](rng, n) for i in range(k)]).T.astype(dtype)
    if missing:
        x[rng.uniform(size=x.shape) < missing] = np.nan
    return x


def frame(rng, n=240, strange=False):
    """Two columns of numbers, two of strings, one of integers."""
    words = ["FR", "DE", "US", "ü", "a, b"] if strange else ["FR", "DE", "US"]
    return pd.DataFrame(
        {
            "amount": np.exp(rng.normal(3, 1, size=n)).round(1).astype(np.float32),
            "share": rng.uniform(-1, 1, size=n).round(3).astype(np.float32),
            "country": rng.choice(words, size=n),
            "channel": rng.choice(["web", "app"], size=n, p=[0.7, 0.3]),
            "count": rng.integers(0, 6, size=n),
        }
    )


def signal(rng, x):
    x = np.nan_to_num(np.asarray(x, dtype=np.float64), nan=0.5)
    ranks = np.argsort(np.argsort(x, axis=0), axis=0) / len(x) * 3.4 - 1.7
    bent = np.where(np.arange(x.shape[1]) % 2 == 0, ranks, np.abs(ranks) - 0.9)
    return (bent + 0.5 * np.roll(bent, 1, axis=1) * bent).sum(axis=1) / np.sqrt(x.shape[1]) + 0.3 * rng.normal(size=len(x))


def encoded(x):
    """A frame's columns as numbers, to make labels from."""
    return np.stack([pd.factorize(x[c])[0] if x[c].dtype == object else x[c] for c in x.columns], axis=1)


def label(rng, x, kind):
    """Labels of a kind: binary, class3, words, real, pair, count, amount."""
    s = signal(rng, encoded(x) if isinstance(x, pd.DataFrame) else x)
    if kind == "binary":
        return (s > np.quantile(s, 0.6)).astype(int)
    if kind == "words":
        return np.array(["fine", "fraud"])[(s > np.quantile(s, 0.6)).astype(int)]
    if kind == "class3":
        return np.digitize(s, np.quantile(s, [0.4, 0.8]))
    if kind == "class7":
        return np.digitize(s, np.quantile(s, np.arange(1, 7) / 7)) * 3 - 5
    if kind == "count":
        return rng.poisson(np.exp(s / 2))
    if kind == "amount":
        return np.exp(s / 2) + 0.01
    if kind == "labels":
        return np.stack([s > 0, s > 0.5], axis=1).astype(int)
    if kind == "pair":
        return np.stack([s, -s + rng.normal(size=len(s)) * 0.1], axis=1).round(2)
    return s.round(2)
