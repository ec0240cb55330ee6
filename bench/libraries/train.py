"""Makes the models of the contests with LightGBM, CatBoost and ONNX Runtime: train.py DIRECTORY

For each it writes the model as its library saves it, and NAME.rows64 or NAME.rows: 2,000 rows, of float64 or
float32, 3 % missing but for scikit-learn's, whose converter loses where missing values go. No number depends
on more than the seeds and the pinned versions: training runs on one thread.
"""

import sys

import catboost
import lightgbm
import numpy as np
import skl2onnx
from payments import payments
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier, RandomForestRegressor

ROWS = 2000


def lightgbm_trees(directory: str, name: str, x: np.ndarray, y: np.ndarray, trees: int, leaves: int) -> None:
    params = {
        "objective": "binary",
        "num_leaves": leaves,
        "learning_rate": 0.05,
        "num_threads": 1,
        "deterministic": True,
        "force_row_wise": True,
        "verbose": -1,
    }
    lightgbm.train(params, lightgbm.Dataset(x, y), trees).save_model(f"{directory}/{name}.txt")
    x[:ROWS].tofile(f"{directory}/{name}.rows64")


def catboost_trees(directory: str, name: str, x: np.ndarray, y: np.ndarray, trees: int, depth: int) -> None:
    model = catboost.CatBoostClassifier(
        iterations=trees, depth=depth, learning_rate=0.05, thread_count=1, random_seed=7,
        verbose=False, allow_writing_files=False,
    )  # fmt: skip
    model.fit(x, y)
    model.save_model(f"{directory}/{name}.cbm")
    model.save_model(f"{directory}/{name}.cpp", format="cpp")
    x[:ROWS].tofile(f"{directory}/{name}.rows")


def scikit(directory: str, name: str, model, x: np.ndarray, y: np.ndarray) -> None:
    model.fit(x, y)
    kind = skl2onnx.common.data_types.FloatTensorType([None, x.shape[1]])
    options = {id(model): {"zipmap": False}} if hasattr(model, "classes_") else None
    graph = skl2onnx.convert_sklearn(model, initial_types=[("x", kind)], options=options, target_opset=18)
    with open(f"{directory}/{name}.onnx", "wb") as f:
        f.write(graph.SerializeToString())
    x[:ROWS].tofile(f"{directory}/{name}.rows")


def main(directory: str) -> None:
    x, y = payments(7, 60_000)
    lightgbm_trees(directory, "L", x, y, 500, 63)
    lightgbm_trees(directory, "M", x, y, 100, 31)
    narrow = x.astype(np.float32)
    catboost_trees(directory, "K", narrow, y, 500, 6)
    full = np.nan_to_num(narrow[:20_000])
    scikit(directory, "F", RandomForestClassifier(100, n_jobs=1, random_state=7), full, y[:20_000])
    boosted = HistGradientBoostingClassifier(max_iter=500, max_leaf_nodes=64, max_depth=6, early_stopping=False, random_state=7)
    scikit(directory, "H", boosted, full, y[:20_000])
    half = full[:10_000]
    scikit(directory, "R", RandomForestRegressor(100, n_jobs=1, random_state=7), half, half[:, 0] * y[:10_000] + half[:, 1])


if __name__ == "__main__":
    main(sys.argv[1])
