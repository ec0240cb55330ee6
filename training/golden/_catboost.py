"""CatBoost: numbers are float32, answers float64, and categories are text."""

import tempfile
from pathlib import Path

import catboost as cb
import numpy as np
import pandas as pd

from ._files import write_answers, write_leaves, write_rows
from ._push import Column, as_frame, golden_frame


def write(model, X, out, rows, iterations, json, seed):
    model = reload(model)
    columns, frame = read(model, X)
    golden = golden_frame(frame, columns, rows, np.float32, seed)

    start, end = iterations or (0, 0)
    options = {"ntree_start": start, "ntree_end": end, "thread_count": 1}
    categories = [i for i, column in enumerate(columns) if column.known is not None]
    pool = cb.Pool(golden, cat_features=categories)
    write_rows(out, golden, np.float32)
    write_answers(out, "margin", model.predict(pool, prediction_type="RawFormulaVal", **options), np.float64)
    kind = prediction_type(model)
    value = model.predict(pool, prediction_type=kind, **options)
    if kind == "Probability" and value.ndim == 2 and value.shape[1] == 2 and not many_labels(model):
        value = value[:, 1]  # the positive class's
    write_answers(out, "value", value, np.float64)
    if json:
        model = cb.CatBoost().load_model(str(json), format="json")
    write_leaves(out, model.calc_leaf_indexes(pool, **options))


def reload(model):
    """The model as it will be read from its file."""
    copy = cb.CatBoost()  # its predict takes all types of predictions
    with tempfile.TemporaryDirectory() as folder:
        file = str(Path(folder) / "model.cbm")
        model.save_model(file)
        copy.load_model(file)
    if copy.get_text_feature_indices() or copy.get_embedding_feature_indices():
        raise ValueError("the model has features of text or embeddings, which besra does not read")
    return copy


def loss(model):
    return str(model.get_all_params().get("loss_function", "RMSE")).split(":")[0]


def many_labels(model):
    return loss(model) in ("MultiLogloss", "MultiCrossEntropy")


def prediction_type(model):
    """What the library's own predict means: probabilities of a classifier, and what the loss says otherwise."""
    name = loss(model)
    if name in ("Logloss", "CrossEntropy", "MultiClass", "MultiClassOneVsAll", "MultiLogloss", "MultiCrossEntropy"):
        return "Probability"
    if name in ("Poisson", "Tweedie"):
        return "Exponent"
    return "RMSEWithUncertainty" if name == "RMSEWithUncertainty" else "RawFormulaVal"


def read(model, X):
    """The model's columns, and X in their order: numbers as float32, categories as text."""
    names = model.feature_names_
    frame = as_frame(X, names)
    borders, categories = model.get_borders(), set(model.get_cat_feature_indices())
    columns, data = [], {}
    for i, name in enumerate(names):
        values = frame.iloc[:, i]
        if i in categories:
            data[name] = pd.Series([text(v, name) for v in values], dtype=object)
            columns.append(Column(name, known=sorted(set(data[name])), strange=["never seen", "nor this"], missing=""))
        else:
            data[name] = values.astype(np.float32).reset_index(drop=True)
            columns.append(Column(name, np.array(borders.get(i, ()), np.float32)))
    return columns, pd.DataFrame(data)


def text(v, name):
    """A category as CatBoost sees it."""
    if isinstance(v, (float, np.floating)) or v is None or v is pd.NA:
        raise ValueError(f"column {name!r}: CatBoost's categories are strings or integers, not {v!r}: convert them as for the fit")
    return str(v)
