"""LightGBM: everything is float64."""

import lightgbm as lgb
import numpy as np
import pandas as pd

from ._files import write_answers, write_leaves, write_rows
from ._push import Column, as_frame, golden_frame

ZERO = 1.0000000180025095e-35  # what is nearer to 0 is 0 to LightGBM


def write(model, X, out, rows, iterations, seed):
    booster = getattr(model, "booster_", model)
    booster = lgb.Booster(model_str=booster.model_to_string())  # as its file has it
    columns, frame = read(booster, X)
    golden = golden_frame(frame, columns, rows, np.float64, seed)

    start, end = iterations or (0, None)
    options = {"num_threads": 1, "start_iteration": start, "num_iteration": -1 if end is None else end - start}
    asked = as_asked(golden, columns)
    write_rows(out, golden, np.float64)
    write_answers(out, "margin", booster.predict(asked, raw_score=True, **options), np.float64)
    write_answers(out, "value", booster.predict(asked, **options), np.float64)
    write_leaves(out, booster.predict(asked, pred_leaf=True, **options))


def read(booster, X):
    """The model's columns, and X in their order: numbers as float64, categories of pandas as they are."""
    names = booster.feature_name()
    frame = as_frame(X, names)
    thresholds, codes = splits(booster)
    pandas_categories = iter(booster.pandas_categorical or [])
    columns, data = [], {}
    for i, name in enumerate(names):
        column = Column(name, np.array(sorted(thresholds.get(i, ()))))
        values = frame.iloc[:, i]
        if isinstance(values.dtype, pd.CategoricalDtype):
            column.known = next(pandas_categories, None)
            if column.known is None:
                raise ValueError(f"column {name!r} of X has categories, and the model was not fitted on a frame that has them")
            column.strange, column.missing = strangers(column.known), None
            data[name] = values.astype(object).where(values.notna(), None)
        else:
            data[name] = values.astype(np.float64)
            column.strange = [ZERO, -ZERO, np.nextafter(ZERO, 1), np.nextafter(ZERO, 0)]
            if i in codes:
                seen = sorted(codes[i])
                column.thresholds = np.array(seen, np.float64)
                column.strange = [seen[-1] + 1, -1, seen[0] + 0.5, -0.5]
        columns.append(column)
    if next(pandas_categories, None) is not None:
        raise ValueError("the model was fitted on a frame with category columns: give such a frame as X")
    return columns, pd.DataFrame(data)


def strangers(known):
    """Two categories that are none of these."""
    if all(isinstance(k, str) for k in known):
        return [s for s in ("never seen", "", "nor this") if s and s not in known]
    return [max(k for k in known if not isinstance(k, str)) + 1]


def splits(booster):
    """Each feature's thresholds, and the codes of its categories, by its position."""
    thresholds, codes = {}, {}

    def visit(node):
        while "split_feature" in node:
            if node["decision_type"] == "==":
                codes.setdefault(node["split_feature"], set()).update(int(c) for c in node["threshold"].split("||"))
            else:
                thresholds.setdefault(node["split_feature"], set()).add(float(node["threshold"]))
            visit(node["left_child"])
            node = node["right_child"]

    for tree in booster.dump_model()["tree_info"]:
        visit(tree["tree_structure"])
    return thresholds, codes


def as_asked(golden, columns):
    """What the library is asked: a frame if it has categories of pandas, whose names may be others than the model knows."""
    if all(column.known is None for column in columns):
        return golden.to_numpy()
    return pd.DataFrame({
        column.name: golden[column.name] if column.known is None else pd.Categorical(golden[column.name])
        for column in columns
    })
