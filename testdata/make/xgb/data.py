"""Small made-up training sets: one function for each kind of columns, one for each kind of labels.

Every draw comes from the generator handed in, so that a case is the same wherever it is made. Numbers are
rounded, which keeps the thresholds of the models and the cells of rows.csv short.
"""

from dataclasses import dataclass, field

import numpy as np


@dataclass
class Data:
    """What a model is trained on. x is rows×columns of float32, or a pandas frame when columns are strings."""

    x: object
    names: list[str] | None = None
    types: list[str] | None = None
    y: np.ndarray | None = None
    extra: dict = field(default_factory=dict)  # qid, weight, label_lower_bound, label_upper_bound


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
    x = np.array([shapes[i % len(shapes)]() for i in range(k)], dtype=np.float32).reshape(k, n).T
    x[rng.uniform(size=x.shape) < missing] = np.nan
    return x


def codes(rng, n, sizes, missing=0.05):
    """One column of category codes 0..size-1 for each size, as float32."""
    x = np.stack([rng.integers(0, s, size=n) for s in sizes], axis=1).astype(np.float32)
    x[rng.uniform(size=x.shape) < missing] = np.nan
    return x


def signal(rng, x):
    """A noisy score of the rows, of about unit width, in which every column counts."""
    x = np.asarray(x, dtype=np.float64)
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
    elif kind == "targets2":
        y = np.stack([s, 0.5 * s**2 - np.roll(s, 1)], axis=1).round(2)
    elif kind == "labels3":
        y = np.stack([s > 0, s**2 > 0.5, s < -0.5], axis=1)
    elif kind == "time":  # negative: still alive when last seen
        y = np.exp(s).round(2) + 0.01
        y = np.where(rng.uniform(size=n) < 0.3, -y, y)
    elif kind == "interval":
        low = np.exp(s).round(2) + 0.01
        high = np.where(rng.uniform(size=n) < 0.3, np.inf, low + rng.uniform(0, 1, size=n).round(1))
        data.extra = {"label_lower_bound": low, "label_upper_bound": high}
        return data
    elif kind in ("grades", "hits"):
        y = np.digitize(s, [0.5] if kind == "hits" else [-0.5, 0.3, 1.0])
        data.extra = {"qid": np.arange(n) // 20}
    else:
        raise ValueError(f"no label is called {kind}")
    data.y = np.asarray(y, dtype=np.float32)
    return data


def numeric(rng, kind, n=300, k=5, missing=0.1, names=None, types=None):
    return label(rng, Data(numbers(rng, n, k, missing), names, types), kind)


def categorical(rng, kind, sizes, n=400, k=2, missing=0.05, names=None):
    """k columns of numbers, then a column of codes for each size."""
    x = np.concatenate([numbers(rng, n, k, missing), codes(rng, n, sizes, missing)], axis=1)
    shuffled = x.copy()  # the label must not be monotone in the code
    for j, size in enumerate(sizes, start=k):
        shuffled[:, j] = np.where(np.isnan(x[:, j]), np.nan, rng.permutation(size)[np.nan_to_num(x[:, j]).astype(int)])
    return label(rng, Data(x, names, ["float"] * k + ["c"] * len(sizes)), kind, shuffled)


def frame(rng, kind, words, n=400, k=2, missing=0.05):
    """A pandas frame of k columns of numbers and a category column for each list of words."""
    import pandas

    d = categorical(rng, kind, [len(w) for w in words.values()], n, k, missing)
    columns = {f"x{j}": d.x[:, j] for j in range(k)}
    for j, (name, w) in enumerate(words.items(), start=k):
        code = np.where(np.isnan(d.x[:, j]), -1, np.nan_to_num(d.x[:, j])).astype(int)
        columns[name] = pandas.Categorical.from_codes(code, categories=w)
    return Data(pandas.DataFrame(columns), None, None, d.y, d.extra)


def extremes(rng, kind, n=300):
    """Columns at the ends of float32: huge, tiny, denormal, both zeros, and integers beyond 2^24."""
    pick = lambda values: rng.choice(np.array(values, dtype=np.float32), size=n)
    x = np.stack(
        [
            pick([3.4028235e38, -3.4028235e38, 1e38, -1e38, 3e37, 1.0, 0.0]),
            pick([1e-45, 3e-45, -1e-45, 1e-40, -1e-39, 1.1754944e-38, 0.0, -0.0]),
            pick([16777214, 16777215, 16777216, 16777218, 16777220, -16777216]),
            pick([1e-30, 1e-20, 1.0000001, 1.0, 0.99999994, 1e20]),
        ],
        axis=1,
    )
    return label(rng, Data(x), kind)
