"""Fits the kinds of models that Triton's FIL backend tests itself with, on the CPU, and has besra prove each.

usage: zoo.py BESRA FOLDER [NAME…]

The kinds are those of qa/generate_example_models.sh in triton-inference-server/fil_backend: libraries, depths, numbers of
trees, classes and features; data like theirs, made by scikit-learn. The model of LightGBM with categories is among them,
which FIL leaves out of its own run; models of cuML are fitted by scikit-learn. Those of scikit-learn are read as ONNX.
"""

import subprocess
import sys
import time
from pathlib import Path

import lightgbm
import numpy as np
import pandas as pd
import xgboost
from sklearn.datasets import make_classification, make_regression
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "training"))
import golden  # noqa: E402


def data(features=32, classes=2, rows=1000):
    x, y = make_classification(rows, features, n_informative=features // 3, n_classes=classes, random_state=0)
    return x.astype(np.float32), y


def continuous(features=32, rows=1000):
    x, y = make_regression(rows, features, n_informative=features // 3, random_state=0)
    return x.astype(np.float32), y


def with_categories(features, categorical, rows=1000):
    """Some columns as names of categories, most cells of one of which are missing."""
    x, y = data(features, rows=rows)
    frame = pd.DataFrame(x, columns=[f"f{i}" for i in range(features)])
    for i in range(categorical):
        cut = pd.qcut(frame[f"f{i}"], 4 + 20 * i, labels=False)
        frame[f"f{i}"] = cut.map(lambda c, i=i: f"level {c % (3 + 7 * i)}").astype("category")
    frame.loc[frame.index % 3 != 0, "f0"] = None
    return frame, y


def xgb(depth, trees, features, classes=2):
    x, y = data(features, classes)
    model = xgboost.XGBClassifier(max_depth=depth, n_estimators=trees, tree_method="hist", n_jobs=2, random_state=0)
    return golden.xgboost, model.fit(x, y), x, "ubj" if classes > 2 else "json"


def lgb(depth, trees, x, y, **settings):
    settings = {"max_depth": depth, "num_leaves": min(2**depth, 256), "verbose": -1, "num_threads": 2} | settings
    return golden.lightgbm, lightgbm.train(settings, lightgbm.Dataset(x, y), trees), x, "txt"


def forest(kind, x, y, **settings):
    return golden.sklearn, kind(random_state=0, **settings).fit(x, y), x, None


ZOO = {
    "xgboost": lambda: xgb(11, 2000, 500, classes=3),
    "xgboost_json": lambda: xgb(7, 500, 500),
    "lightgbm": lambda: lgb(3, 2000, *with_categories(32, 3), objective="binary"),
    "lightgbm_rf": lambda: lgb(10, 20, *data(classes=10), objective="multiclass", num_class=10,
                               boosting="rf", bagging_freq=1, bagging_fraction=0.8),
    "regression": lambda: lgb(25, 10, *continuous(400), objective="regression"),
    "sklearn": lambda: forest(RandomForestClassifier, *data(500), max_depth=3, n_estimators=10),
    "cuml": lambda: forest(RandomForestRegressor, *continuous(500), max_depth=3, n_estimators=10),
}


def main(besra, folder, *names):
    failed = []
    for name in names or ZOO:
        begun = time.monotonic()
        write, model, x, extension = ZOO[name]()
        home = Path(folder) / name
        home.mkdir(parents=True, exist_ok=True)
        rows = home / "golden"
        write(model, x, rows)
        file = rows / "model.onnx" if write is golden.sklearn else home / f"model.{extension}"
        if write is not golden.sklearn:
            model.save_model(file)
        print(f"{name}: fitted and asked in {time.monotonic() - begun:.0f} s, {file.stat().st_size:,} bytes", flush=True)
        if subprocess.run([besra, "verify", file, "--golden", rows], check=False).returncode:
            failed.append(name)
    if failed:
        sys.exit(f"not proven: {', '.join(failed)}")


if __name__ == "__main__":
    main(*sys.argv[1:])
