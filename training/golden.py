"""Golden rows: the proof that a bundle carries, written at the end of a fit.

    from golden import write_golden
    write_golden(model, X_train, "golden")

besra serves a model only after it has reproduced these answers to the last bit. This file needs numpy,
pandas and xgboost; copy it into your own project as it is.
"""

import csv
import json
from pathlib import Path

import numpy as np
import pandas as pd
import xgboost as xgb


def write_golden(model, X, out_dir, rows=300, missing=np.nan, iteration_range=(0, 0), seed=0):
    """Writes rows.csv, margin.csv and value.csv into out_dir: XGBoost's own answers to telling rows.

    model            a Booster or a scikit-learn wrapper
    X                rows to sample from, as for predict: a DataFrame (category columns too) or a 2-D array
    rows             how many rows: half of them are sampled, half are pushed onto the model's thresholds
    missing          the value that means missing in X, beside NaN; the bundle must name it too
    iteration_range  half-open range of trees, (0, 0) for all; the bundle must name the same
    """
    booster = reload(model)
    frame = as_frame(X, booster, missing)
    rng = np.random.default_rng(seed)
    sampled = frame.iloc[rng.integers(len(frame), size=rows - rows // 2)]
    pushed = push(frame.iloc[rng.integers(len(frame), size=rows // 2)], thresholds(booster), rng)
    golden = pd.concat([sampled, pushed], ignore_index=True)

    matrix = xgb.DMatrix(golden, enable_categorical=True)
    margin = booster.predict(matrix, output_margin=True, iteration_range=iteration_range)
    value = booster.predict(matrix, iteration_range=iteration_range)

    out = Path(out_dir)
    out.mkdir(parents=True, exist_ok=True)
    write_csv(out / "rows.csv", golden.columns, [cells(golden[c]) for c in golden])
    for name, answer in (("margin", margin), ("value", value)):
        columns = answer.reshape(len(golden), -1).T
        header = [name] if len(columns) == 1 else [f"{name}_{i}" for i in range(len(columns))]
        write_csv(out / f"{name}.csv", header, [cells(c) for c in columns])


def reload(model):
    """The model as it will be read from its file; one thread, so that sums have one order."""
    booster = model.get_booster() if hasattr(model, "get_booster") else model
    copy = xgb.Booster(model_file=booster.save_raw("ubj"))
    copy.set_param({"nthread": 1, "device": "cpu"})
    return copy


def as_frame(X, booster, missing):
    """X as float32 and category columns under the model's names, NaN where a value is missing."""
    if not isinstance(X, pd.DataFrame):
        X = np.asarray(X)
        X = pd.DataFrame(X, columns=booster.feature_names or [f"f{i}" for i in range(X.shape[1])])
    frame = X.copy()
    for name in frame:
        if not isinstance(frame[name].dtype, pd.CategoricalDtype):
            column = frame[name].astype(np.float32)
            frame[name] = column.mask(column == np.float32(missing))
    return frame


def thresholds(booster):
    """Each feature's thresholds, by its position."""
    learner = json.loads(booster.save_raw("json"))["learner"]["gradient_booster"]
    trees = learner.get("gbtree", learner).get("model", {}).get("trees", [])  # dart wraps a gbtree
    found = {}
    for tree in trees:
        splits = zip(tree["left_children"], tree["split_type"], tree["split_indices"], tree["split_conditions"])
        for left, categorical, feature, threshold in splits:
            if left != -1 and not categorical:
                found.setdefault(feature, set()).add(threshold)
    return {f: np.array(sorted(t), np.float32) for f, t in found.items()}


def push(frame, thresholds, rng):
    """Puts half of the cells where mistakes show: on a threshold, on the float32 before or after it, or
    missing; a category column gets any of its categories, or missing."""
    frame = frame.reset_index(drop=True)
    for position, name in enumerate(frame):
        column, n = frame[name], len(frame)
        if isinstance(column.dtype, pd.CategoricalDtype):
            codes = rng.integers(-1, len(column.cat.categories), size=n)
            edge = pd.Series(pd.Categorical.from_codes(codes, dtype=column.dtype))
        else:
            t = rng.choice(thresholds.get(position, np.array([np.nan], np.float32)), size=n)
            infinity = np.float32(np.inf)
            around = [np.nextafter(t, -infinity), t, np.nextafter(t, infinity), np.full_like(t, np.nan)]
            edge = pd.Series(np.choose(rng.integers(4, size=n), around))
            edge = edge.mask(np.isinf(edge))  # the neighbour of the largest number: DMatrix refuses it
        frame[name] = column.mask(rng.random(n) < 0.5, edge)
    return frame


def cells(column):
    """Text that reads back to the same value: the shortest decimal of a float32, a category's name, nothing
    where it is missing."""
    if isinstance(column, pd.Series) and isinstance(column.dtype, pd.CategoricalDtype):
        return ["" if pd.isna(v) else str(v) for v in column]
    numbers = np.asarray(column, np.float32)
    texts = [text.removesuffix(".0") for text in numbers.astype(str)]
    back = np.array([float(text) for text in texts]).astype(np.float32)  # readers go through float64
    if not np.array_equal(back, numbers, equal_nan=True):
        raise AssertionError("a decimal does not read back to its float32")
    return ["" if text == "nan" else text for text in texts]


def write_csv(path, header, columns):
    with open(path, "w", newline="", encoding="utf-8") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(header)
        out.writerows(zip(*columns))
