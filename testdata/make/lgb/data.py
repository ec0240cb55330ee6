"""Small made-up training sets: one function for each kind of columns, one for each kind of labels.

Every draw comes from the generator handed in, so that a case is the same wherever it is made. Numbers are
rounded, which keeps the thresholds of the models and the cells of rows.csv short.
"""

from dataclasses import dataclass, field

import numpy as np


@dataclass
class Data:
    """What a model is trained on. x is rows×columns of float64, or a pandas frame where columns are of its types."""

    x: object
    names: list[str] | None = None
    categorical: list[int] = field(default_factory=list)  # columns that are codes of categories
    y: np.ndarray | None = None
    group: list[int] | None = None


def numbers(rng, n, k=5, missing=0.1):
    """k columns of different shapes: normal, amounts, counts, shares, flags, with cells missing at random."""
    shapes = [
        lambda: rng.normal(size=n).round(2),
        lambda: np.exp(rng.normal(3, 1.5, size=n)).round(1),
        lambda: rng.poisson(3, size=n),
        lambda: rng.uniform(-1, 1, size=n).round(3),
        lambda: rng.integers(0, 2, size=n),
        lambda: -np.abs(rng.standard_cauchy(size=n)).round(2),
    ]
    x = np.array([shapes[i % len(shapes)]() for i in range(k)], dtype=np.float64).reshape(k, n).T
    x[rng.uniform(size=x.shape) < missing] = np.nan
    return x


def codes(rng, n, sizes, missing=0.05):
    """One column of category codes 0..size-1 for each size."""
    x = np.stack([rng.integers(0, s, size=n) for s in sizes], axis=1).astype(np.float64)
    x[rng.uniform(size=x.shape) < missing] = np.nan
    return x


def signal(rng, x):
    """A noisy score of the rows, of about unit width, in which every column counts."""
    ranks = np.argsort(np.argsort(np.nan_to_num(x), axis=0), axis=0) / len(x) * 3.4 - 1.7
    ranks[np.isnan(x)] = 0.8
    bent = np.where(np.arange(x.shape[1]) % 2 == 0, ranks, np.abs(ranks) - 0.9)
    mixed = bent + 0.5 * np.roll(bent, 1, axis=1) * bent
    weight = 1 / (1 + np.arange(x.shape[1]) % 4)
    return mixed @ weight / np.sqrt(x.shape[1]) + 0.3 * rng.normal(size=len(x))


def label(rng, data, kind, columns=None):
    """Sets data.y, and what else the kind of label needs, from the signal in the columns."""
    s = signal(rng, data.x if columns is None else columns)
    n = len(s)
    if kind == "binary":
        y = s > 0.2
    elif kind == "real":
        y = (s * 2).round(2)
    elif kind == "share":
        y = (1 / (1 + np.exp(-s))).round(3)
    elif kind == "positive":
        y = np.exp(s).round(2) + 0.01
    elif kind == "count":
        y = rng.poisson(np.exp(0.7 * s))
    elif kind == "class3":
        y = np.digitize(s, [-0.4, 0.5])
    elif kind == "class4":
        y = np.digitize(s, [-0.7, 0.1, 0.6])
    elif kind == "grades":
        y = np.digitize(s, [-0.5, 0.3, 1.0])
        data.group = [20] * (n // 20)
    else:
        raise ValueError(f"no label is called {kind}")
    data.y = np.asarray(y, dtype=np.float64)
    return data


def numeric(kind, n=300, k=5, missing=0.1, names=None):
    return lambda rng: label(rng, Data(numbers(rng, n, k, missing), names), kind)


def scaled(kind, factors, n=300):
    """Columns of normal numbers times a factor each."""

    def make(rng):
        x = rng.normal(size=(n, len(factors))).round(2)
        return label(rng, Data(x * np.array(factors)), kind, x)

    return make


def extremes(kind, n=300):
    """Columns at the ends of float64 and around the limit below which LightGBM takes a number for zero."""

    def make(rng):
        pick = lambda values: rng.choice(np.array(values, dtype=np.float64), size=n)
        limit = float(np.float32(1e-35))
        x = np.stack(
            [
                pick([1.7e308, -1.7e308, 1e300, 1e299, -1e300, 1.0, 0.0]),
                pick([3 * limit, 2 * limit, limit, 0.5 * limit, -limit, -2 * limit, -3 * limit, 0.0, 1e-40, -1e-40]),
                pick([2.0**53, 2.0**53 - 1, 2.0**53 + 2, -(2.0**53), 2.0**24 + 1, 2.0**24]),
                pick([1 + 2**-52, 1.0, 1 - 2**-53, 1 + 2**-23, 1 - 2**-24, 0.1, 0.30000000000000004, 0.3]),
            ],
            axis=1,
        )
        return label(rng, Data(x), kind)

    return make


def categorical(kind, sizes, n=400, k=2, missing=0.05, names=None, scale=1):
    """k columns of numbers, then a column of codes for each size; scale sets the codes apart."""

    def make(rng):
        c = codes(rng, n, sizes, missing)
        x = np.concatenate([numbers(rng, n, k, missing), c], axis=1)
        shuffled = x.copy()  # the label must not be monotone in the code
        for j, size in enumerate(sizes, start=k):
            shuffled[:, j] = np.where(np.isnan(x[:, j]), np.nan, rng.permutation(size)[np.nan_to_num(x[:, j]).astype(int)])
        x[:, k:] *= scale
        return label(rng, Data(x, names, list(range(k, k + len(sizes)))), kind, shuffled)

    return make


def frame(kind, columns, n=400, missing=0.05, explicit=None):
    """A pandas frame. columns maps names to None, which makes numbers, or to (categories, ordered)."""

    def make(rng):
        import pandas

        known = numbers(rng, n, len(columns), missing)
        out = {}
        for j, (name, what) in enumerate(columns.items()):
            if what is None:
                out[name] = known[:, j]
                continue
            categories, ordered = what
            c = codes(rng, n, [len(categories)], missing)[:, 0]
            known[:, j] = np.where(np.isnan(c), np.nan, rng.permutation(len(categories))[np.nan_to_num(c).astype(int)])
            c = np.where(np.isnan(c), -1, np.nan_to_num(c)).astype(int)
            out[name] = pandas.Categorical.from_codes(c, categories=categories, ordered=ordered)
        data = Data(pandas.DataFrame(out), None, explicit or [])
        return label(rng, data, kind, known)

    return make
