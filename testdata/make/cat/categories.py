"""Cases of categories: one-hot, CTRs of every kind, combinations."""

import json
import os
import tempfile

import numpy as np

import data as d
from case import ALL, Case, fit, scaled, settle
from columns import DEPTHWISE, LOSSGUIDE


def frame(*sizes, kind="binary", n=400, k=2, missing=0.1, integers=False, names=None, mixed=False):
    """k columns of numbers and then one of categories for each size."""

    def make(rng):
        columns = d.numbers(rng, n, k, missing)
        for s in sizes:
            columns.append(d.categories(rng, n, s, [str(i) for i in range(s)] if integers else None))
        categorical = list(range(k, k + len(sizes)))
        if mixed:  # a number between the categories
            columns.insert(k + 1, d.numbers(rng, n, 1, 0.2)[0])
            categorical = [j for j in range(len(columns)) if j >= k and j != k + 1]
        return d.labelled(rng, columns, categorical, kind, names)

    return make


def crossed(*sizes, kind="binary", n=800, k=2, missing=0.1):
    """The same, where a row's score belongs to all its categories and the signs of its numbers together."""

    def make(rng):
        data = frame(*sizes, kind=kind, n=n, k=k, missing=missing)(rng)
        signs = [np.nan_to_num(c) > np.nanmedian(c) for c in data.columns[:k]]
        keys = list(zip(*data.columns[k:], *signs))
        effect = {key: rng.normal() for key in sorted(set(keys))}
        s = np.array([effect[key] for key in keys]) + 0.1 * rng.normal(size=n)
        data.y = np.digitize(s, [-0.7, 0.0, 0.8]) if kind == "class" else (s > 0).astype(int)
        return data

    return make


def simple(*ctrs, **params):
    return {"simple_ctr": list(ctrs), "max_ctr_complexity": 1, "one_hot_max_size": 1} | params


def combined(*ctrs, **params):
    return {"simple_ctr": ["Borders"], "combinations_ctr": list(ctrs), "max_ctr_complexity": 4, "one_hot_max_size": 1} | params


def renamed(old, new):
    """Fits with CTRs of one kind and calls them another, which only GPUs train; the library reads them so."""

    def f(catboost, params, p, data, case):
        model = fit(catboost, params, p, data, case)
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "model.json")
            model.save_model(path, format="json")
            with open(path, encoding="utf-8") as file:
                document = json.load(file)
            for ctr in document["features_info"]["ctrs"]:
                if ctr["ctr_type"] == old:
                    ctr["ctr_type"] = new
            document["ctr_data"] = {
                key.replace(f'"type":"{old}"', f'"type":"{new}"'): table for key, table in document["ctr_data"].items()
            }
            with open(path, "w", encoding="utf-8") as file:
                json.dump(document, file)
            return catboost.CatBoost().load_model(path, format="json")

    return f


def merged(catboost, params, p, data, case):
    """The sum of two models, of whose counts the mean is taken."""
    models = [fit(catboost, params | {"random_seed": seed, "depth": seed}, p, data, case) for seed in (3, 4)]
    for model in models:
        settle(model)
    return catboost.sum_models(models, weights=[0.4, 0.6], ctr_merge_policy="IntersectingCountersAverage")


def converted(catboost, params, p, data, case):
    """A symmetric model whose trees are no longer told to be so."""
    model = fit(catboost, params, p, data, case)
    model._convert_to_asymmetric_representation()
    return model


REFUSED = "only numbers and categories are supported"


def texts(rng):
    data = d.labelled(rng, d.numbers(rng, 200), kind="binary")
    words = ["good", "bad", "late", "cheap", "new", "old"]
    data.columns.append([" ".join(rng.choice(words, size=4)) for _ in range(200)])
    data.categorical = [len(data.columns) - 1]
    return data


def text_model(catboost, params, p, data, case):
    p = catboost.Pool(
        [r for r in zip(*data.columns)], label=data.y.tolist(), text_features=[len(data.columns) - 1], thread_count=1
    )
    model = catboost.CatBoost(params)
    model.fit(p)
    return model


def embedding_model(catboost, params, p, data, case):
    rng = np.random.default_rng(1)
    rows = [[*map(float, r[:-1]), rng.normal(size=3).tolist()] for r in zip(*data.columns)]
    p = catboost.Pool(rows, label=data.y.tolist(), embedding_features=[len(data.columns) - 1], thread_count=1)
    model = catboost.CatBoost(params)
    model.fit(p)
    return model


ONE_HOT = [
    Case("onehot", frame(3, 6), {"one_hot_max_size": 255}, ["one-hot"], versions=ALL),
    Case("onehot-json", frame(3, 6), {"one_hot_max_size": 255}, ["one-hot"], format="json"),
    Case("onehot-integers", frame(12, integers=True), {"one_hot_max_size": 255}, ["one-hot", "integer categories"]),
    Case("onehot-many", frame(50, 10, n=900), {"one_hot_max_size": 255, "iterations": 40, "depth": 5}, ["one-hot"]),
    Case("onehot-only", frame(4, 9, 30, k=0), {"one_hot_max_size": 255}, ["one-hot"]),
    Case("onehot-depthwise", frame(5, 7), DEPTHWISE | {"one_hot_max_size": 255}, ["one-hot"]),
    Case("onehot-lossguide", frame(5, 7), LOSSGUIDE | {"one_hot_max_size": 255}, ["one-hot"]),
    Case("onehot-lossguide-json", frame(5, 7), LOSSGUIDE | {"one_hot_max_size": 255}, ["one-hot"], format="json"),
    Case("onehot-class", frame(5, 7, kind="class"), {"loss_function": "MultiClass", "one_hot_max_size": 255}, ["one-hot"]),
    Case("onehot-long", frame(66), {"one_hot_max_size": 255, "iterations": 20}, ["one-hot", "long names"]),
    Case("unused-categories", frame(5, k=3), {"ignored_features": [3], "iterations": 2}, ["unused features"]),
    Case("unused-categories-json", frame(5, k=3), {"ignored_features": [3], "iterations": 2}, ["unused features"], format="json"),
]

SIMPLE = [
    Case("ctr", frame(20, 6, 66), {}, ["CTR"], versions=ALL),
    Case("ctr-json", frame(20, 6, 66), {}, ["CTR"], format="json", versions=ALL),
    Case("ctr-mixed", frame(20, 6, 66, mixed=True, names=list("abcdef")), {}, ["CTR", "feature names"]),
    Case("ctr-borders", frame(20, 40), simple("Borders:CtrBorderCount=31:Prior=0/1:Prior=2.5/1"), ["CTR Borders"]),
    Case("ctr-buckets", frame(20, 40), simple("Buckets"), ["CTR Buckets"]),
    Case("ctr-buckets-json", frame(20, 40), simple("Buckets"), ["CTR Buckets"], format="json"),
    Case("ctr-mean", frame(20, 40), simple("BinarizedTargetMeanValue"), ["CTR BinarizedTargetMeanValue"]),
    Case("ctr-mean-json", frame(20, 40), simple("BinarizedTargetMeanValue"), ["CTR BinarizedTargetMeanValue"], format="json"),
    Case("ctr-counter", frame(20, 40), simple("Counter"), ["CTR Counter"]),
    Case("ctr-counter-full", frame(20, 40), simple("Counter", counter_calc_method="Full"), ["CTR Counter"]),
    Case("ctr-counter-json", frame(20, 40), simple("Counter"), ["CTR Counter"], format="json"),
    Case("ctr-all", frame(20, 40), simple("Borders", "Buckets", "BinarizedTargetMeanValue", "Counter", iterations=12), ["CTR"]),
    Case("ctr-integers", frame(30, 5, integers=True), {}, ["CTR", "integer categories"]),
    Case("ctr-only", frame(30, 5, k=0), {}, ["CTR"]),
    Case("ctr-per-feature", frame(20, 40), {"per_feature_ctr": ["2:Borders:Prior=0.5", "3:Counter:Prior=0"], "max_ctr_complexity": 1}, ["CTR"]),
    Case("ctr-limit", frame(60), simple("Borders", "Counter", ctr_leaf_count_limit=10), ["CTR"]),
    Case("ctr-one-hot", frame(3, 40), {"one_hot_max_size": 5, "iterations": 8}, ["CTR", "one-hot"]),
    Case("ctr-depthwise", frame(20, 6), DEPTHWISE, ["CTR"], versions=ALL),
    Case("ctr-lossguide", frame(20, 6), LOSSGUIDE, ["CTR"]),
    Case("ctr-lossguide-json", frame(20, 6), LOSSGUIDE, ["CTR"], format="json"),
    Case("ctr-ordered", frame(20, 6), {"boosting_type": "Ordered"}, ["CTR", "ordered boosting"]),
    Case("ctr-feature-freq", frame(20, 40), simple("Counter"), ["CTR FeatureFreq"], fit=renamed("Counter", "FeatureFreq")),
    Case("ctr-float-mean", frame(20, 40), simple("BinarizedTargetMeanValue"), ["CTR FloatTargetMeanValue"], fit=renamed("BinarizedTargetMeanValue", "FloatTargetMeanValue")),
    Case("ctr-merged", frame(20, 6), {}, ["CTR", "sum of models"], fit=merged),
    Case("ctr-converted", frame(20, 6), {}, ["CTR", "converted"], fit=converted),
    Case("ctr-converted-json", frame(20, 6), {}, ["CTR", "converted"], fit=converted, format="json"),
    Case("ctr-scale", frame(20, 6), {}, ["CTR", "scale", "bias"], fit=scaled(0.5, 0.25)),
]

TARGETS = [
    Case("ctr-rmse", frame(20, 40, kind="number"), {"loss_function": "RMSE", "iterations": 8}, ["CTR", "bias"]),
    Case("ctr-rmse-borders", frame(20, 40, kind="number"), simple("Borders:TargetBorderCount=5", "Buckets:TargetBorderCount=3", loss_function="RMSE", iterations=10), ["CTR Borders", "CTR Buckets", "target borders", "bias"]),
    Case("ctr-rmse-borders-json", frame(20, 40, kind="number"), simple("Borders:TargetBorderCount=5", loss_function="RMSE"), ["CTR Borders", "target borders", "bias"], format="json"),
    Case("ctr-rmse-mean", frame(20, 40, kind="number"), simple("BinarizedTargetMeanValue:TargetBorderCount=7", loss_function="RMSE"), ["CTR BinarizedTargetMeanValue", "target borders", "bias"]),
    Case("ctr-rmse-mean-json", frame(20, 40, kind="number"), simple("BinarizedTargetMeanValue:TargetBorderCount=7", loss_function="RMSE"), ["CTR BinarizedTargetMeanValue", "target borders", "bias"], format="json"),
    Case("ctr-class", frame(20, 40, kind="class"), {"loss_function": "MultiClass", "iterations": 8}, ["CTR Borders", "multi-class CTR"], versions=ALL),
    Case("ctr-class-json", frame(20, 40, kind="class"), {"loss_function": "MultiClass", "iterations": 8}, ["CTR Borders", "multi-class CTR"], format="json"),
    Case("ctr-class-buckets", frame(20, 40, kind="class"), simple("Buckets", loss_function="MultiClass"), ["CTR Buckets", "multi-class CTR"]),
    Case("ctr-class-mean", frame(20, 40, kind="class"), simple("BinarizedTargetMeanValue", "Counter", loss_function="MultiClass"), ["CTR BinarizedTargetMeanValue", "multi-class CTR"]),
    Case("ctr-class-lossguide-json", frame(20, 40, kind="class"), LOSSGUIDE | {"loss_function": "MultiClass"}, ["multi-class CTR"], format="json"),
    Case("ctr-queries", frame(20, 40, kind="queries"), {"loss_function": "YetiRank"}, ["CTR"]),
    Case("ctr-counts", frame(20, 40, kind="count"), {"loss_function": "Poisson"}, ["CTR"]),
]

COMBINED = [
    Case("combined", crossed(8, 6, 5), combined("Borders", "Counter", iterations=15), ["combined CTR"], versions=ALL),
    Case("combined-json", crossed(8, 6, 5), combined("Borders", "Counter", iterations=15), ["combined CTR"], format="json"),
    Case("combined-numbers", crossed(8, 6, k=3), combined("Borders", "Counter", iterations=12, depth=5), ["combined CTR", "float splits in CTR"]),
    Case("combined-numbers-json", crossed(8, 6, k=3), combined("Borders", "Counter", iterations=12, depth=5), ["combined CTR", "float splits in CTR"], format="json"),
    Case("combined-nan-max", crossed(8, 6, k=3, missing=0.3), combined("Borders", iterations=12, depth=5, nan_mode="Max"), ["combined CTR", "float splits in CTR", "NaN above"]),
    Case("combined-onehot", crossed(3, 4, 8, 6), combined("Borders", "Counter", iterations=12, depth=5, one_hot_max_size=6), ["combined CTR", "one-hot splits in CTR"], versions=ALL),
    Case("combined-onehot-json", crossed(3, 4, 8, 6), combined("Borders", "Counter", iterations=12, depth=5, one_hot_max_size=6), ["combined CTR", "one-hot splits in CTR"], format="json"),
    Case("combined-buckets", crossed(8, 6, 5), combined("Buckets", "BinarizedTargetMeanValue", iterations=15), ["combined CTR", "CTR Buckets"]),
    Case("combined-class", crossed(8, 6, 5, kind="class"), combined("Borders", "Counter", iterations=10, loss_function="MultiClass"), ["combined CTR", "multi-class CTR"]),
    Case("combined-depthwise", crossed(8, 6, 5), combined("Borders", "Counter", **DEPTHWISE), ["combined CTR"]),
    Case("combined-default", crossed(8, 6, 5, 20), {"iterations": 15, "depth": 5, "max_ctr_complexity": 3, "one_hot_max_size": 5}, ["combined CTR"]),
]

OUTSIDE = [
    Case("text", texts, {}, ["text features"], fit=text_model, refused="text feature 4, \"\": " + REFUSED),
    Case("embedding", texts, {}, ["embedding features"], fit=embedding_model, refused="embedding feature 4, \"\": " + REFUSED),
]

CASES = ONE_HOT + SIMPLE + TARGETS + COMBINED + OUTSIDE
