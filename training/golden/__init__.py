"""Golden rows: the proof that a bundle carries, written at the end of a fit.

    import golden
    golden.lightgbm(model, X_train, "golden")      # xgboost, catboost, onnx and sklearn likewise

besra serves a model only after it has reproduced these answers. Half of the rows are drawn from X; the other half is
pushed to where mistakes would show: onto the model's own thresholds, onto the numbers next to them in the width that the
library compares in, to zero and infinity, to missing, to categories that the model knows and to some that it does not. The
answers are the library's own, of the model as it is saved, on one thread.

The files, in the folder out, are what besra predict reads and writes: rows.csv, value.csv, margin.csv (but for ONNX, which
has no margins) and leaf.csv (where the library tells leaves). They show what a model says of some hundred rows of X: treat
them as you treat the data.

Copy this folder into your own project, or install it: pip install ./training. It needs numpy, pandas and the library in
question, and nothing else.
"""

__all__ = ["xgboost", "lightgbm", "catboost", "onnx", "sklearn", "write_golden"]


def xgboost(model, X, out, rows=300, missing=None, iteration_range=(0, 0), seed=0):
    """Writes the answers of XGBoost.

    model            a Booster or a scikit-learn wrapper
    X                rows to sample from, as for predict: a DataFrame (category columns too) or a 2-D array
    out              the folder
    rows             how many rows
    missing          the number that means missing in X, beside NaN; besra must be told the same: --missing
    iteration_range  half-open range of rounds, (0, 0) for all; besra must be told the same: --iterations
    """
    from . import _xgboost

    missing = float("nan") if missing is None else missing
    _xgboost.write(model, X, out, rows, missing, iteration_range, seed, leaf=True)


def lightgbm(model, X, out, rows=300, iterations=None, seed=0):
    """Writes the answers of LightGBM, of the model as save_model writes it: up to the best iteration, if there is one.

    model       a Booster or a scikit-learn wrapper
    X           rows to sample from, as for predict: a DataFrame (category columns too) or a 2-D array
    out         the folder
    rows        how many rows
    iterations  half-open range of rounds, None for all; besra must be told the same: --iterations
    """
    from . import _lightgbm

    _lightgbm.write(model, X, out, rows, iterations, seed)


def catboost(model, X, out, rows=300, iterations=None, json=None, seed=0):
    """Writes the answers of CatBoost.

    model       a CatBoost, CatBoostClassifier, CatBoostRegressor or CatBoostRanker
    X           rows to sample from, as for predict: a DataFrame or a 2-D array. Categories are strings or integers, as in
                the fit; to CatBoost, and so in rows.csv, the integer 3 is the text "3"
    out         the folder
    rows        how many rows
    iterations  half-open range of trees, None for all; besra must be told the same: --iterations
    json        the file, if the model is saved as JSON: leaves of depthwise and lossguide trees have other numbers there
    """
    from . import _catboost

    _catboost.write(model, X, out, rows, iterations, json, seed)


def onnx(model, X, out, rows=300, seed=0):
    """Writes the answers of ONNX Runtime, one row at a time: it adds in another order when it is given several.

    model  the path of a .onnx file, its bytes, or an onnx.ModelProto
    X      rows to sample from: a DataFrame or a 2-D array, in the order of the model's inputs
    out    the folder
    rows   how many rows
    """
    from . import _onnx

    _onnx.write(model, X, out, rows, seed)


def sklearn(model, X, out, rows=300, seed=0, **options):
    """Converts a fitted estimator or pipeline of scikit-learn by skl2onnx, writes out/model.onnx, and its golden rows.

    What besra serves is the ONNX model, and what it proves is that it answers as ONNX Runtime does. Converters lose things
    at times; so the ONNX model is compared with scikit-learn's on the rows that were drawn from X, and where a probability
    or a prediction is more than 1e-4 away a warning says so.

    model    a fitted estimator or pipeline
    X        rows to sample from, as for predict. Columns of a DataFrame become inputs of their own when they differ in type
    out      the folder
    rows     how many rows
    options  what skl2onnx.to_onnx takes beside, such as target_opset
    """
    from . import _sklearn

    _sklearn.write(model, X, out, rows, seed, options)


def write_golden(model, X, out_dir, rows=300, missing=float("nan"), iteration_range=(0, 0), seed=0):
    """Writes the answers of XGBoost as xgboost does, without leaves: rows.csv, margin.csv and value.csv."""
    from . import _xgboost

    _xgboost.write(model, X, out_dir, rows, missing, iteration_range, seed, leaf=False)
