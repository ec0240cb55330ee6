"""XGBoost."""

import json

import numpy as np
import pandas as pd
import xgboost as xgb

from ._files import write_answers, write_leaves, write_rows


def write(model, X, out, rows, missing, iteration_range, seed, leaf):
    booster = reload(model)
    frame = as_frame(X, booster, missing)
    rng = np.random.default_rng(seed)
    sampled = frame.iloc[rng.integers(len(frame), size=rows - rows // 2)]
    pushed = push(frame.iloc[rng.integers(len(frame), size=rows // 2)], thresholds(booster), rng)
    golden = pd.concat([sampled, pushed], ignore_index=True)

    matrix = as_matrix(golden, booster)
    write_rows(out, golden, np.float32)
    write_answers(out, "margin", booster.predict(matrix, output_margin=True, iteration_range=iteration_range), np.float32)
    write_answers(out, "value", booster.predict(matrix, iteration_range=iteration_range), np.float32)
    if leaf and "gblinear" not in booster.save_config():
        write_leaves(out, leaves(booster, matrix, iteration_range))


def leaves(booster, matrix, iteration_range):
    """The leaves of each row; XGBoost tells those from the first round on alone."""
    start, end = iteration_range
    if start == 0:
        return booster.predict(matrix, pred_leaf=True, iteration_range=iteration_range)
    found = booster.predict(matrix, pred_leaf=True, iteration_range=(0, end), strict_shape=True)
    return found[:, start:].reshape(len(found), -1)


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


def as_matrix(frame, booster):
    """Codes of categories are numbers in the frame, and the model says which columns have them."""
    if any(isinstance(dtype, pd.CategoricalDtype) for dtype in frame.dtypes):
        return xgb.DMatrix(frame, enable_categorical=True)
    return xgb.DMatrix(frame.to_numpy(), feature_names=list(frame.columns) if booster.feature_names else None,
                       feature_types=booster.feature_types, enable_categorical=True)


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
