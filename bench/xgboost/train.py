"""Makes the contests' models and rows: train.py DIRECTORY.

For each model it writes NAME.ubj, NAME.rows (2,000 rows of float32, 3 % missing) and NAME.margins (what
XGBoost's own prediction gives for them, float32). A, B and C are trained. X, Y and Z have the sizes of STAC's
tree benchmark (El Popo), too large to train in a minute: they are made of random splits. No number depends
on more than the seeds and the pinned versions.
"""

import json
import struct
import sys

import numpy as np
import xgboost as xgb

ROWS = 2000
DEFAULT_BASE = 0.5


def payments(seed: int, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Draws n rows of 30 features, of the kinds that payments have, and their labels."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 30)).astype(np.float32)
    x[:, 5] = np.floor(np.exp(x[:, 5]) * 10)
    x[:, 9] = np.round(x[:, 9] * 3)
    x[:, 12] = x[:, 12] > 0.7
    x[:, 20] = np.exp(x[:, 20])
    logit = (
        x[:, 0] * x[:, 1]
        + np.sin(2 * x[:, 2])
        + 0.5 * x[:, 3] * (x[:, 4] > 0)
        + 0.02 * x[:, 5]
        - 0.3 * x[:, 9] * x[:, 12]
        + np.log1p(x[:, 20]) * x[:, 6]
        + (x[:, 7:30] * rng.normal(size=23) * 0.15).sum(1)
        - 3
    )
    y = (rng.random(n) < 1 / (1 + np.exp(-logit))).astype(np.float32)
    x[rng.random(x.shape) < 0.03] = np.nan
    return x, y


def train(x: np.ndarray, y: np.ndarray, trees: int, depth: int) -> xgb.Booster:
    params = {
        "objective": "binary:logistic",
        "max_depth": depth,
        "eta": 0.05,
        "tree_method": "hist",
        "base_score": DEFAULT_BASE,
        "nthread": 1,  # threads would add up the same numbers in another order
    }
    names = [f"col_{i:02d}" for i in range(x.shape[1])]
    return xgb.train(params, xgb.DMatrix(x, y, feature_names=names), trees)


def random_trees(seed: int, features: int, trees: int, depth: int) -> xgb.Booster:
    """Makes a model of full trees with random splits, in the shape of a trained one."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(64, features))
    seedling = xgb.train({"objective": "binary:logistic", "base_score": DEFAULT_BASE}, xgb.DMatrix(x, x[:, 0] > 0), 1)
    doc = json.loads(seedling.save_raw("json"))
    model = doc["learner"]["gradient_booster"]["model"]
    model["gbtree_model_param"]["num_trees"] = str(trees)
    model["iteration_indptr"] = list(range(trees + 1))
    model["tree_info"] = [0] * trees
    model["trees"] = [random_tree(rng, i, features, depth) for i in range(trees)]
    booster = xgb.Booster()
    booster.load_model(bytearray(b"".join(ubjson(doc))))
    return booster


def random_tree(rng: np.random.Generator, number: int, features: int, depth: int) -> dict:
    nodes, splits = 2 ** (depth + 1) - 1, 2**depth - 1
    at = np.arange(nodes, dtype=np.int32)
    split = at < splits
    value = rng.normal(size=nodes)
    return {
        "base_weights": np.zeros(nodes, dtype=np.float32),
        "categories": np.zeros(0, dtype=np.int32),
        "categories_nodes": np.zeros(0, dtype=np.int32),
        "categories_segments": np.zeros(0, dtype=np.int64),
        "categories_sizes": np.zeros(0, dtype=np.int64),
        "default_left": ((rng.random(nodes) < 0.5) & split).astype(np.uint8),
        "id": number,
        "left_children": np.where(split, 2 * at + 1, -1).astype(np.int32),
        "loss_changes": np.zeros(nodes, dtype=np.float32),
        "parents": np.where(at > 0, (at - 1) // 2, 2**31 - 1).astype(np.int32),
        "right_children": np.where(split, 2 * at + 2, -1).astype(np.int32),
        "split_conditions": np.where(split, value, value * 0.01).astype(np.float32),
        "split_indices": np.where(split, rng.integers(features, size=nodes), 0).astype(np.int32),
        "split_type": np.zeros(nodes, dtype=np.uint8),
        "sum_hessian": np.ones(nodes, dtype=np.float32),
        "tree_param": {
            "num_deleted": "0",
            "num_feature": str(features),
            "num_nodes": str(nodes),
            "size_leaf_vector": "1",
        },
    }


ARRAYS = {"f": b"d", "i4": b"l", "i8": b"L", "u1": b"U"}


def ubjson(v):
    """Yields v as UBJSON, arrays of numbers typed, as XGBoost reads it."""
    if isinstance(v, dict):
        yield b"{"
        for key, member in v.items():
            yield b"L" + struct.pack(">q", len(key.encode())) + key.encode()
            yield from ubjson(member)
        yield b"}"
    elif isinstance(v, np.ndarray):
        kind = b"d" if v.dtype == np.float32 else ARRAYS[v.dtype.str[1:]]
        yield b"[$" + kind + b"#L" + struct.pack(">q", len(v)) + v.astype(v.dtype.newbyteorder(">")).tobytes()
    elif isinstance(v, list):
        yield b"[#L" + struct.pack(">q", len(v))
        for element in v:
            yield from ubjson(element)
    elif isinstance(v, bool):
        yield b"T" if v else b"F"
    elif isinstance(v, int):
        yield b"L" + struct.pack(">q", v)
    elif isinstance(v, float):
        yield b"d" + struct.pack(">f", v)
    else:
        yield b"SL" + struct.pack(">q", len(v.encode())) + v.encode()


def main(directory: str) -> None:
    x, y = payments(7, 60_000)
    write(directory, "A", train(x, y, 100, 6), x[:ROWS])
    write(directory, "B", train(x, y, 500, 6), x[:ROWS])
    write(directory, "C", train(x, y, 1000, 8), x[:ROWS])
    for name, features, trees, depth in ("X", 64, 94, 6), ("Y", 128, 1000, 8), ("Z", 1000, 2000, 10):
        rng = np.random.default_rng(features)
        rows = rng.normal(size=(ROWS, features)).astype(np.float32)
        rows[rng.random(rows.shape) < 0.03] = np.nan
        write(directory, name, random_trees(features, features, trees, depth), rows)


def write(directory: str, name: str, booster: xgb.Booster, rows: np.ndarray) -> None:
    booster.set_param({"nthread": 1})
    booster.save_model(f"{directory}/{name}.ubj")
    rows.tofile(f"{directory}/{name}.rows")
    data = xgb.DMatrix(rows, feature_names=booster.feature_names)
    booster.predict(data, output_margin=True).astype(np.float32).tofile(f"{directory}/{name}.margins")
    print(f"{name}: {booster.num_boosted_rounds()} trees", file=sys.stderr)


if __name__ == "__main__":
    main(sys.argv[1])
