"""Rows made to catch an evaluator out: the model's own borders and their neighbours, the ends of float32, and
categories that training met, did not meet, or met in another spelling."""

import numpy as np

MAX = np.finfo(np.float32).max
TINY = np.float32(1e-45)
NUMBERS = [0.0, -0.0, TINY, -TINY, MAX, -MAX, np.inf, -np.inf, np.nan]
STRANGE = ["", " ", "unseen", "3", "3.0", "03", "-1", "nan", "NaN", "None", "ÿ", "日本", "x" * 70, "0", "1e3", "True"]


@np.errstate(over="ignore")
def neighbours(x):
    x = np.float32(x)
    return [x, np.nextafter(x, np.float32(np.inf)), np.nextafter(x, np.float32(-np.inf))]


def adversarial(rng, model, data, count, plain):
    """Rows of the data, each changed in a cell or in all."""
    base = data.rows()
    flat = {f["feature_index"]: f["flat_feature_index"] for f in model["features_info"].get("float_features") or []}
    borders = [
        (flat[f["feature_index"]], b) for f in model["features_info"].get("float_features") or [] for b in f["borders"] or []
    ]
    rows = [list(base[i]) for i in rng.integers(len(base), size=plain)]

    def changed(j, value):
        rows.append(list(base[rng.integers(len(base))]))
        rows[-1][j] = value

    for i in rng.permutation(len(borders))[:count]:
        j, b = borders[i]
        for v in neighbours(b):
            changed(j, float(v))
    for j, column in enumerate(data.columns):
        if j not in data.categorical:
            for v in NUMBERS if j < 6 else NUMBERS[j % 9 : j % 9 + 1] if j % 8 == 0 else ():
                changed(j, float(v))
            continue
        seen = sorted(set(column))
        for v in seen if len(seen) < 12 else [seen[i] for i in rng.permutation(len(seen))[:8]]:
            changed(j, v)
        for v in STRANGE if len(data.categorical) == 1 else STRANGE[j % 2 :: 2]:
            changed(j, v)
    for v in (*NUMBERS, 1.0):
        rows.append([("unseen" if j in data.categorical else float(v)) for j in range(len(data.columns))])
    return rows
