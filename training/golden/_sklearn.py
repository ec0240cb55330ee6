"""scikit-learn, through ONNX."""

import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from skl2onnx import __max_supported_opset__, to_onnx
from skl2onnx.common.data_types import BooleanTensorType, FloatTensorType, Int64TensorType, StringTensorType
from sklearn.compose import ColumnTransformer

from ._files import is_number
from ._onnx import Session, write as write_onnx

FAR = 1e-4


def write(model, X, out, rows, seed, options):
    options = dict(options)
    options.setdefault("target_opset", {"": __max_supported_opset__, "ai.onnx.ml": 3})  # what all its converters know
    if hasattr(model, "predict_proba"):
        options.setdefault("options", {id(model): {"zipmap": False}})
    proto = to_onnx(model, initial_types=initial_types(model, X), **options)
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    (out / "model.onnx").write_bytes(proto.SerializeToString())
    write_onnx(proto, X, out, rows, seed)
    compare(model, proto, X, rows, seed)


def initial_types(model, X):
    """The inputs of the ONNX model: one for all numbers, or one for each column where there is text, or a
    ColumnTransformer that asks for columns by name."""
    if isinstance(X, pd.DataFrame) and (asks_by_name(model) or not all(is_number(X.iloc[:, i]) for i in range(X.shape[1]))):
        return [(str(name), column_type(X.iloc[:, i])) for i, name in enumerate(X.columns)]
    return [("X", FloatTensorType([None, np.asarray(X).shape[1]]))]


def asks_by_name(model):
    return isinstance(model, ColumnTransformer) or any(asks_by_name(step) for _, step in getattr(model, "steps", ()))


def column_type(column):
    if not is_number(column):
        return StringTensorType([None, 1])
    if pd.api.types.is_bool_dtype(column.dtype):
        return BooleanTensorType([None, 1])
    if pd.api.types.is_integer_dtype(column.dtype):
        return Int64TensorType([None, 1])
    return FloatTensorType([None, 1])


def compare(model, proto, X, rows, seed):
    """Warns where the converter has changed the answers."""
    rng = np.random.default_rng(seed)
    take = rng.integers(len(X), size=rows)
    sample = X.iloc[take] if isinstance(X, pd.DataFrame) else np.asarray(X)[take]
    session = Session(proto)
    _, frame = session.read(sample, seed)
    answered, got = session.answered(frame)
    if hasattr(model, "predict_proba"):
        want = model.predict_proba(sample)
    elif session.classifier and hasattr(model, "decision_function"):  # an isolation forest's scores
        want = model.decision_function(sample)
    else:
        want = model.predict(sample)
    want = np.asarray(want, float).reshape(len(frame), -1)
    if len(answered) < len(frame) or want.shape[1] < got.shape[1]:
        return  # the graph refuses some rows, or tells something else: there is nothing to hold it against
    want = want[:, -got.shape[1]:]
    far = np.abs(got - want).max(axis=1) > FAR
    if far.any():
        warnings.warn(
            f"the ONNX model answers otherwise than scikit-learn in {far.sum()} of {len(far)} rows, by up to "
            f"{np.abs(got - want).max():.2g}: what besra serves is the ONNX model", stacklevel=3)
