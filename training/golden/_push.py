"""Rows that show mistakes, of a model whose columns are known."""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd


@dataclass
class Column:
    """A column of a model.

    thresholds  what its numbers are compared with
    dtype       the width of its numbers; None: the model's
    known       the categories that the model knows; None: it has numbers
    strange     values beside them, as cells: categories that the model does not know, or odd numbers
    """

    name: str
    thresholds: np.ndarray = field(default_factory=lambda: np.array([]))
    dtype: type | None = None
    known: list | None = None
    strange: list = field(default_factory=list)
    missing: object = np.nan  # what stands for a missing value


def golden_frame(frame, columns, rows, dtype, seed, infinite=True):
    """Half of the rows are those of frame, half have half of their cells pushed. Columns of numbers have the width dtype,
    those of categories are objects."""
    rng = np.random.default_rng(seed)
    sampled = frame.iloc[rng.integers(len(frame), size=rows - rows // 2)].reset_index(drop=True)
    pushed = frame.iloc[rng.integers(len(frame), size=rows // 2)].reset_index(drop=True)
    both = {}
    for i, column in enumerate(columns):
        plain, edge = sampled.iloc[:, i], pushed.iloc[:, i]
        n, width = len(edge), column.dtype or dtype
        if column.known is None:
            edges = numbers(column, n, width, rng, infinite)
        else:
            choice = [*column.known, *column.strange, column.missing]
            edges = np.empty(n, object)
            for k, c in enumerate(rng.integers(len(choice), size=n)):
                edges[k] = choice[c]
        values = np.where(rng.random(n) < 0.5, edges, edge.to_numpy())
        both[column.name] = pd.Series(np.concatenate([plain.to_numpy(), values]), dtype=object if column.known is not None else width)
    return pd.DataFrame(both)


def numbers(column, n, dtype, rng, infinite):
    """Thresholds and their neighbours, now and then something stranger."""
    infinity = dtype(np.inf)
    t = np.asarray(column.thresholds, dtype)
    if len(t) == 0:
        t = np.zeros(1, dtype)
    t = rng.choice(t, size=n)
    strange = [0.0, -0.0, np.finfo(dtype).smallest_subnormal, *column.strange]
    if infinite:
        strange += [np.inf, -np.inf, np.finfo(dtype).max]
    around = [np.nextafter(t, -infinity), t, np.nextafter(t, infinity), np.full_like(t, column.missing),
              rng.choice(np.array(strange, dtype), size=n)]
    edge = np.choose(rng.choice(5, p=[0.25, 0.25, 0.25, 0.15, 0.1], size=n), around)
    if not infinite:
        edge = np.where(np.isinf(edge), np.finfo(dtype).max, edge)
    return edge.astype(dtype)


def as_frame(X, names):
    """X as a frame with the model's columns, in its order."""
    if hasattr(X, "toarray"):
        X = X.toarray()
    if not isinstance(X, pd.DataFrame):
        X = pd.DataFrame(np.asarray(X))
    if len(X) == 0:
        raise ValueError("X has no rows to sample from")
    if set(names) <= set(X.columns):
        return X[list(names)]
    if X.shape[1] != len(names):
        raise ValueError(f"X has {X.shape[1]} columns, and the model has {len(names)}: {', '.join(map(str, names[:8]))}")
    return X.set_axis(list(names), axis=1)
