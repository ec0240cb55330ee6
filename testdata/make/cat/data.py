"""Small made-up training sets: columns of numbers and of categories, and labels of every kind.

Every draw comes from the generator handed in, so that a case is the same wherever it is made. Numbers are rounded,
which keeps borders apart; they are float32 numbers, as CatBoost sees them.
"""

from dataclasses import dataclass, field

import numpy as np

COUNTRIES = ["VN", "DE", "US", "Österreich", "日本", "", "côte d'ivoire", 'a "quoted" one', "a,b", " DE", "de"]
LONG = ["x" * n + "ü" * (n % 3) for n in (7, 8, 9, 15, 16, 17, 31, 32, 33, 47, 63, 64, 65, 127, 128, 129, 200, 300)]


@dataclass
class Data:
    """Rows of cells: floats, or strings in the categorical columns."""

    columns: list  # of arrays of float32, or lists of str
    categorical: list[int] = field(default_factory=list)
    names: list[str] | None = None
    y: object = None
    extra: dict = field(default_factory=dict)  # group_id, pairs, weight

    def __len__(self):
        return len(self.columns[0])

    def rows(self):
        cells = [
            list(c) if j in self.categorical else [float(x) for x in c] for j, c in enumerate(self.columns)
        ]
        return [list(r) for r in zip(*cells)]


def numbers(rng, n, k=4, missing=0.1):
    """k columns of different shapes: normal, amounts, counts, shares, with cells missing at random."""
    shapes = [
        lambda: rng.normal(size=n).round(2),
        lambda: np.exp(rng.normal(3, 1.5, size=n)).round(1),
        lambda: rng.poisson(3, size=n),
        lambda: rng.uniform(-1, 1, size=n).round(3),
        lambda: -np.abs(rng.standard_cauchy(size=n)).round(2),
    ]
    columns = []
    for i in range(k):
        c = np.asarray(shapes[i % len(shapes)](), dtype=np.float32)
        c[rng.uniform(size=n) < missing] = np.nan
        columns.append(c)
    return columns


def names_of(size):
    """Names of categories of all kinds."""
    pool = COUNTRIES + [str(i) for i in range(-3, 30)] + ["3.0", "03", "nan", "None", "True"] + LONG
    pool += [f"merchant {i}" for i in range(max(0, size - len(pool)))]
    return pool[:size]


def categories(rng, n, size, names=None):
    """A column of categories of uneven frequency."""
    names = names or names_of(size)
    p = 1 / (1 + np.arange(size))
    return [names[i] for i in rng.choice(size, size=n, p=p / p.sum())]


def signal(rng, columns, categorical):
    """A noisy score of the rows, of about unit width, in which every column counts."""
    s = np.zeros(len(columns[0]))
    for j, c in enumerate(columns):
        if j in categorical:
            seen = sorted(set(c))
            effect = {name: rng.normal() for name in seen}
            x = np.array([effect[name] for name in c])
        else:
            x = np.asarray(c, dtype=np.float64)
            ranks = np.argsort(np.argsort(np.nan_to_num(x))) / len(x) * 3.4 - 1.7
            ranks[np.isnan(x)] = 0.8
            x = ranks if j % 2 == 0 else np.abs(ranks) - 0.9
        s = s + x * (1 + 0.4 * np.roll(x, 1)) / (1 + j % 3)
    return s / max(s.std(), 1e-9) + 0.3 * rng.normal(size=len(s))


def labelled(rng, columns, categorical=(), kind="binary", names=None):
    """Sets the labels, and what else the kind of label needs."""
    categorical = list(categorical)
    data = Data(columns, categorical, names)
    s = signal(rng, columns, categorical)
    n = len(s)
    match kind:
        case "binary":
            data.y = (s > 0.3).astype(int)
        case "share":
            data.y = 1 / (1 + np.exp(-2 * s))
        case "number":
            data.y = 100 + 25 * s
        case "count":
            data.y = rng.poisson(np.exp(0.4 * s + 0.5))
        case "positive":
            data.y = np.exp(s)
        case "class":
            data.y = np.digitize(s, [-0.7, 0.0, 0.8])
        case "labels":
            data.y = np.stack([s > -0.5, s + rng.normal(size=n) > 0.2, rng.uniform(size=n) > 0.4], axis=1).astype(int)
        case "shares":
            data.y = np.stack([1 / (1 + np.exp(-s)), rng.uniform(size=n)], axis=1)
        case "numbers":
            data.y = np.stack([100 + 25 * s, s**2, -s], axis=1)
        case "queries":
            data.y = np.digitize(s, [-0.5, 0.5, 1.2])
            data.extra["group_id"] = np.sort(rng.integers(0, n // 8, size=n))
    return data
