"""Rows made to catch an evaluator out: the model's own thresholds, their neighbours, and the ends of float32."""

import numpy as np

MAX = np.finfo(np.float32).max
TINY = np.float32(1e-45)
NUMBERS = [0.0, -0.0, TINY, -TINY, MAX, -MAX, np.inf, -np.inf, np.nan]
CODES = [-1, -0.5, -0.0, 0.5, 5.999, 2.0**24 - 1, 2.0**24, 2.0**24 + 2, 1e9, np.inf, -np.inf, np.nan]


@np.errstate(over="ignore")
def up(x):
    return np.nextafter(np.float32(x), np.float32(np.inf))


@np.errstate(over="ignore")
def down(x):
    return np.nextafter(np.float32(x), np.float32(-np.inf))


def splits(tree):
    """Yields (node, feature, threshold, category set or None, path) of every split that the root can reach.

    The path is the way from the root: pairs of a split node's number and whether it goes left.
    """
    left, right = tree["left_children"], tree["right_children"]
    sets = category_sets(tree)
    stack = [(0, ())]
    while stack:
        node, path = stack.pop()
        if left[node] == -1:
            continue
        yield node, tree["split_indices"][node], np.float32(tree["split_conditions"][node]), sets.get(node), path
        stack.append((left[node], (*path, (node, True))))
        stack.append((right[node], (*path, (node, False))))


def category_sets(tree):
    """Maps each categorical split to the set of codes that go right."""
    sets = {}
    for node, at, size in zip(
        tree.get("categories_nodes", []), tree.get("categories_segments", []), tree.get("categories_sizes", [])
    ):
        sets[node] = {int(c) for c in tree["categories"][at : at + size]}
    return sets


def towards(tree, base, path):
    """Returns base, changed as little as it takes to follow the path, or None when no number can."""
    row = base.copy()
    sets = category_sets(tree)
    bounds = {}
    for node, goes_left in path:
        f, t = tree["split_indices"][node], np.float32(tree["split_conditions"][node])
        if node in sets:
            inside = not np.isnan(row[f]) and row[f] in sets[node]
            if inside == goes_left or np.isnan(row[f]):
                row[f] = -1 if goes_left else min(sets[node], default=-1)
            continue
        low, high = bounds.get(f, (np.float32(-MAX), np.float32(MAX)))
        low, high = (low, min(high, down(t))) if goes_left else (max(low, t), high)
        if low > high:
            return None
        bounds[f] = low, high
        if np.isnan(row[f]):
            if bool(tree["default_left"][node]) == goes_left:
                continue
            row[f] = high if goes_left else low
        row[f] = min(max(row[f], low), high)
    return row


def base_row(rng, base):
    return base[rng.integers(len(base))].copy()


def at_thresholds(rng, trees, base, count):
    """Rows that reach chosen splits with the threshold, both its neighbours, or each side of a category set."""
    found = [(tree, s) for tree in trees for s in splits(tree)]
    rows = []
    for i in rng.permutation(len(found))[:count]:
        tree, (_, f, t, cats, path) = found[i]
        row = towards(tree, base_row(rng, base), path)
        if row is None:
            continue
        values = (t, up(t), down(t)) if cats is None else (min(cats, default=0), max(cats, default=0) + 1)
        for v in values:
            rows.append(row.copy())
            rows[-1][f] = v
    return rows


def special(rng, base, categorical, infinities):
    """Rows with one strange cell each, for every column, and rows that are strange in every cell."""
    rows = []
    width = base.shape[1]
    for f in range(width):
        values = list(CODES if categorical[f] else NUMBERS)
        if categorical[f]:
            top = int(np.nanmax(base[:, f]))
            codes = range(top + 3) if top < 24 else sorted({0, 1, 31, 32, 33, 63, 64, 65, top, top + 1, top + 200})
            values += [float(c) for c in codes]
        if width > 20:
            values = values[f % 8 : f % 8 + 1] if f % 4 == 0 else []
        for v in values:
            rows.append(base_row(rng, base))
            rows[-1][f] = v
    rows += [np.full(width, v, dtype=np.float32) for v in (*NUMBERS, 1.0)]
    return [r for r in rows if infinities or not np.isinf(r).any()]


def adversarial(rng, trees, base, categorical, infinities=True, count=16, plain=12):
    """All of the above and a few ordinary rows, as one rows×columns array of float32."""
    rows = at_thresholds(rng, trees, base, count)
    rows += special(rng, base, categorical, infinities)
    rows += [base_row(rng, base) for _ in range(plain)]
    rows = [r for r in rows if infinities or not np.isinf(r).any()]
    return np.stack(rows).astype(np.float32)
