"""Rows that ask a model hard questions, made from its own splits."""

import numpy as np

LIMIT = float(np.float32(1e-35))  # what is no farther from zero than this, LightGBM takes for zero

# What a column of numbers may be asked beside its thresholds.
NUMBERS = (
    0.0,
    -0.0,
    1e-36,
    -1e-36,
    LIMIT,
    -LIMIT,
    float(np.nextafter(LIMIT, 1)),
    float(np.nextafter(-LIMIT, -1)),
    5e-324,
    -5e-324,
    1e300,
    -1e300,
    float("inf"),
    float("-inf"),
    float("nan"),
)

# And a column of categories: what is no code, or one that no int32 holds.
CODES = (
    -1.0,
    -0.5,
    -0.0,
    0.5,
    0.999,
    1.999,
    2.0**24,
    2.0**31 - 1,
    2.0**31,
    2.0**32,
    2.0**32 + 1,
    2.0**33 + 3,
    1e18,
    -(2.0**31) - 1,
    -(2.0**32) + 1,
    1e300,
    -1e300,
    float("inf"),
    float("-inf"),
    float("nan"),
)


def trees(text):
    """The splits of every tree of a model's text: lists of (feature, threshold, decision, left, right)."""
    for tree in text.split("\nTree=")[1:]:
        lines = dict(line.split("=", 1) for line in tree.split("\n\n")[0].split("\n")[1:])
        if int(lines["num_leaves"]) < 2:
            yield []
            continue
        columns = [
            [kind(v) for v in lines[key].split()]
            for key, kind in (
                ("split_feature", int),
                ("threshold", float),
                ("decision_type", int),
                ("left_child", int),
                ("right_child", int),
            )
        ]
        yield list(zip(*columns))


def neighbours(t):
    """A threshold, the doubles on both sides, the float32 nearest to it and those on both sides of that."""
    near = np.float32(t)
    yield from (t, np.nextafter(t, np.inf), np.nextafter(t, -np.inf))
    yield from (float(near), float(np.nextafter(near, np.float32(np.inf))), float(np.nextafter(near, np.float32(-np.inf))))


def path(tree, node):
    """The splits above a node, and whether the way there goes left."""
    parents = {}
    for i, (_, _, _, left, right) in enumerate(tree):
        parents[left], parents[right] = (i, True), (i, False)
    way = []
    while node in parents:
        node, left = parents[node]
        way.append((node, left))
    return way[::-1]


def towards(tree, row, node):
    """Changes the row so that it reaches the node, as far as splits by number go."""
    for i, left in path(tree, node):
        f, t, kind, _, _ = tree[i]
        if kind & 1 == 0 and not (row[f] <= t) == left:
            row[f] = t if left else np.nextafter(t, np.inf)
    return row


def base_row(rng, base):
    return base[rng.integers(len(base))].copy()


def at_thresholds(rng, model, base, count):
    """Rows that reach chosen splits with the threshold and its neighbours."""
    found = [(tree, i) for tree in model for i, split in enumerate(tree) if split[2] & 1 == 0]
    rows = []
    with np.errstate(over="ignore"):
        for j in rng.permutation(len(found))[:count]:
            tree, i = found[j]
            row = towards(tree, base_row(rng, base), i)
            for v in neighbours(tree[i][1]):
                rows.append(row.copy())
                rows[-1][tree[i][0]] = v
    return rows


def special(rng, base, categorical):
    """Rows with one strange cell each, for every column, and rows that are strange in every cell."""
    rows = []
    width = base.shape[1]
    for f in range(width):
        values = list(CODES if categorical[f] else NUMBERS)
        if categorical[f]:
            known = np.unique(base[~np.isnan(base[:, f]), f])
            top = known.max(initial=0)
            values += [float(c) for c in rng.permutation(known)[:12]] + [top + 1, top + 31, top + 32, top + 200]
        if width > 12:
            values = values[f % 8 : f % 8 + 1] if f % 4 == 0 else []
        for v in values:
            rows.append(base_row(rng, base))
            rows[-1][f] = v
    return rows + [np.full(width, v) for v in (*NUMBERS, 1.0)]


def adversarial(rng, model, base, categorical, count, plain):
    """All of the above and a few ordinary rows, as one rows×columns array."""
    rows = at_thresholds(rng, model, base, count)
    rows += special(rng, base, categorical)
    rows += [base_row(rng, base) for _ in range(plain)]
    return np.stack(rows)
