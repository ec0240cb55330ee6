"""Cases of columns of numbers: what is missing, many borders, names, shapes of trees."""

import numpy as np

import data as d
from case import ALL, Case, fit, pool, scaled, settle


def frame(kind="binary", n=300, k=4, missing=0.1, names=None):
    return lambda rng: d.labelled(rng, d.numbers(rng, n, k, missing), kind=kind, names=names)


def fine(rng):
    """Two columns of many different numbers."""
    return d.labelled(rng, [rng.normal(size=4000).astype(np.float32) for _ in range(2)], kind="number")


def ends(rng):
    """Numbers at the ends of float32."""
    n = 400
    tiny = (rng.integers(-40, 40, size=n) * np.float32(1e-45)).astype(np.float32)
    huge = (rng.normal(size=n) * 1e38).astype(np.float32)
    flat = np.where(rng.uniform(size=n) < 0.5, np.float32(3.4028235e38), np.float32(-3.4028235e38))
    zeros = np.where(rng.uniform(size=n) < 0.5, np.float32(0), np.float32(-0.0)) + rng.integers(0, 2, size=n).astype(np.float32)
    return d.labelled(rng, [tiny, huge, flat, zeros.astype(np.float32)])


def infinite(rng):
    """Numbers some of which are infinite, so that borders may be."""
    n = 300
    columns = d.numbers(rng, n, 3)
    columns[0][rng.uniform(size=n) < 0.3] = np.inf
    columns[1][rng.uniform(size=n) < 0.3] = -np.inf
    columns[2][:] = np.where(rng.uniform(size=n) < 0.5, np.float32(np.inf), np.float32(1))
    columns[2][rng.uniform(size=n) < 0.2] = np.nan
    return d.labelled(rng, columns)


def constant(rng):
    data = d.labelled(rng, d.numbers(rng, 100, 2))
    data.y = np.full(100, 3.25)
    return data


def nameless_some(rng):
    return d.labelled(rng, d.numbers(rng, 300, 4), names=["f1", "", "amount (€)", "日本, \"x\""])


def dropped(catboost, params, p, data, case):
    model = fit(catboost, params, p, data, case)
    model.drop_unused_features()
    return model


def shrunk(catboost, params, p, data, case):
    model = fit(catboost, params, p, data, case)
    model.shrink(ntree_start=1, ntree_end=4)
    return model


def merged(catboost, params, p, data, case):
    a = fit(catboost, params, p, data, case)
    b = fit(catboost, params | {"random_seed": 8, "depth": 2}, p, data, case)
    settle(a)
    settle(b)
    return catboost.sum_models([a, b], weights=[0.3, 0.7])


def continued(catboost, params, p, data, case):
    first = fit(catboost, params, p, data, case)
    model = catboost.CatBoost(params | {"depth": 2})
    model.fit(p, init_model=first)
    return model


def early(catboost, params, p, data, case):
    rng = np.random.default_rng(5)
    held = d.Data(data.columns, data.categorical, data.names, rng.permutation(data.y))
    model = catboost.CatBoost(params | {"iterations": 30, "early_stopping_rounds": 2, "use_best_model": True})
    model.fit(p, eval_set=pool(catboost, held))
    return model


R, N = "RMSE", "number"
DEPTHWISE = {"grow_policy": "Depthwise"}
LOSSGUIDE = {"grow_policy": "Lossguide"}

CASES = [
    Case("binary", frame(), versions=ALL),
    Case("binary-json", frame(), versions=ALL, format="json"),
    Case("rmse", frame(N), {"loss_function": R}, ["bias"], versions=ALL),
    Case("rmse-json", frame(N), {"loss_function": R}, ["bias"], format="json"),
    Case("nan-min", frame(), {"nan_mode": "Min"}, ["NaN below"]),
    Case("nan-max", frame(), {"nan_mode": "Max"}, ["NaN above"], versions=ALL),
    Case("nan-max-json", frame(), {"nan_mode": "Max"}, ["NaN above"], format="json"),
    Case("nan-forbidden", frame(missing=0), {"nan_mode": "Forbidden"}, ["NaN forbidden"]),
    Case("nan-never-max", frame(missing=0), {"nan_mode": "Max"}, ["NaN not met in training"]),
    Case("nan-per-column", frame(), {"per_float_feature_quantization": ["0:nan_mode=Max", "2:nan_mode=Min,border_count=3"]}, ["NaN above", "NaN below"]),
    Case("nan-max-depthwise", frame(), DEPTHWISE | {"nan_mode": "Max"}, ["NaN above"]),
    Case("ends", ends, {"iterations": 8}, ["numbers at the ends of float32"]),
    Case("infinite", infinite, {"nan_mode": "Max", "feature_border_type": "UniformAndQuantiles", "iterations": 10}, ["infinite borders", "NaN above"], json=False),
    Case("infinite-min", infinite, {"feature_border_type": "UniformAndQuantiles", "iterations": 10}, ["infinite borders", "NaN below"], json=False),
    Case("borders-many", fine, {"loss_function": R, "iterations": 110, "depth": 6, "border_count": 60000, "learning_rate": 0.1}, ["many borders", "bias"]),
    Case("borders-one", frame(), {"border_count": 1}, ["one border"]),
    Case("depth-one", frame(), {"depth": 1}),
    Case("depth-ten", frame(N, n=1500, k=6), {"loss_function": R, "depth": 10, "iterations": 2}, ["bias"]),
    Case("constant", constant, {"loss_function": R, "allow_const_label": True, "bootstrap_type": "No"}, ["trees of one leaf", "bias"]),
    Case("constant-json", constant, {"loss_function": R, "allow_const_label": True, "bootstrap_type": "No"}, ["trees of one leaf", "bias"], format="json"),
    Case("constant-depthwise", constant, DEPTHWISE | {"loss_function": R, "allow_const_label": True, "bootstrap_type": "No"}, ["trees of one leaf", "bias"]),
    Case("names", frame(names=["a", "b b", "ü", "日本"]), {}, ["feature names"], versions=ALL),
    Case("names-json", frame(names=["a", "b b", "ü", "日本"]), {}, ["feature names"], format="json"),
    Case("names-some", nameless_some, {}, ["feature names"]),
    Case("names-some-json", nameless_some, {}, ["feature names"], format="json"),
    Case("unused", frame(k=6), {"ignored_features": [0, 3], "iterations": 2, "depth": 2}, ["unused features"]),
    Case("dropped", frame(k=6, names=list("abcdef")), {"ignored_features": [0, 3], "iterations": 2, "depth": 2}, ["features dropped"], fit=dropped),
    Case("depthwise", frame(), DEPTHWISE, versions=ALL),
    Case("depthwise-json", frame(), DEPTHWISE, format="json"),
    Case("depthwise-deep", frame(N, n=800), DEPTHWISE | {"loss_function": R, "depth": 8, "min_data_in_leaf": 5}, ["bias"]),
    Case("lossguide", frame(), LOSSGUIDE, versions=ALL),
    Case("lossguide-json", frame(), LOSSGUIDE, format="json"),
    Case("lossguide-deep", frame(N, n=800), LOSSGUIDE | {"loss_function": R, "depth": 16, "max_leaves": 40, "iterations": 2}, ["bias"]),
    Case("lossguide-deep-json", frame(N, n=800), LOSSGUIDE | {"loss_function": R, "depth": 16, "max_leaves": 40, "iterations": 2}, ["bias"], format="json"),
    Case("scale", frame(N), {"loss_function": R}, ["scale", "bias"], fit=scaled(-0.3, 1.7)),
    Case("scale-json", frame(N), {"loss_function": R}, ["scale", "bias"], fit=scaled(0.1, 0.7), format="json"),
    Case("scale-alone", frame(), {}, ["scale"], fit=scaled(3.3, 0)),
    Case("scale-zero", frame(), {}, ["scale", "bias"], fit=scaled(0, 0.25)),
    Case("scale-depthwise", frame(N), DEPTHWISE | {"loss_function": R}, ["scale", "bias"], fit=scaled(1.1, -7)),
    Case("range-first", frame(N), {"loss_function": R}, ["range of trees", "bias"], fit=scaled(0.7, 13), iterations=(0, 3)),
    Case("range-later", frame(N), {"loss_function": R}, ["range of trees", "bias"], fit=scaled(0.7, 13), iterations=(2, 5)),
    Case("range-depthwise", frame(N), DEPTHWISE | {"loss_function": R}, ["range of trees", "bias"], iterations=(1, 4)),
    Case("range-class", frame("class"), {"loss_function": "MultiClass"}, ["range of trees"], iterations=(1, 2)),
    Case("shrunk", frame(N), {"loss_function": R}, ["shrunk", "bias"], fit=shrunk),
    Case("merged", frame(), {}, ["sum of models"], fit=merged),
    Case("continued", frame(), {}, ["continued"], fit=continued),
    Case("early", frame(), {}, ["early stopping"], fit=early),
    Case("ordered", frame(), {"boosting_type": "Ordered"}, ["ordered boosting"]),
    Case("langevin", frame(), {"posterior_sampling": True}, ["posterior sampling"]),
    Case("shrinking", frame(), {"model_shrink_rate": 0.2}, ["shrinking"]),
    Case("monotone", frame(), {"monotone_constraints": [1, 0, -1, 0]}, ["monotone"]),
    Case("wide", frame(n=400, k=100), {"iterations": 20}, ["100 columns"], count=4, plain=2),
]
