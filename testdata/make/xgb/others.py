"""DART, linear models, columns with names and types, missing values, and what else a file may carry."""

from functools import partial

import numpy as np

import case as c
from case import LATEST, MAIN, NEW, OLD, SINCE2, Case
from objectives import of


def darts():
    dart = {"booster": "dart"}
    weights = ["tree weights"]
    yield Case(
        "dart",
        of("binary"),
        dart | {"objective": "binary:logistic", "rate_drop": 0.5},
        weights,
        MAIN + OLD + NEW,
        rounds=6,
    )
    yield Case(
        "dart-keep",
        of("real"),
        dart | {"rate_drop": 0.0},
        weights,
        LATEST,
        rounds=4,
        note="nothing dropped: every weight is 1",
    )
    yield Case(
        "dart-forest-rate",
        of("real"),
        dart | {"rate_drop": 0.3, "normalize_type": "forest", "skip_drop": 0.2},
        weights,
        SINCE2,
        rounds=8,
    )
    yield Case(
        "dart-drop-all", of("real"), dart | {"rate_drop": 0.9, "one_drop": True, "eta": 0.7}, weights, SINCE2, rounds=7
    )
    yield Case(
        "dart-classes",
        of("class3"),
        dart | {"objective": "multi:softprob", "num_class": 3, "rate_drop": 0.5},
        weights,
        SINCE2,
        rounds=3,
    )
    yield Case(
        "dart-softmax",
        of("class4"),
        dart | {"objective": "multi:softmax", "num_class": 4, "rate_drop": 0.4},
        weights,
        LATEST,
        rounds=4,
    )
    yield Case(
        "dart-parallel",
        of("real"),
        dart | {"rate_drop": 0.5, "num_parallel_tree": 2, "subsample": 0.6},
        weights + ["random forest"],
        SINCE2,
        rounds=4,
    )
    yield Case(
        "dart-base",
        of("binary"),
        dart | {"objective": "binary:logistic", "rate_drop": 0.5, "base_score": 0.9},
        weights + ["base score given"],
        SINCE2,
        rounds=5,
    )
    yield Case(
        "dart-poisson",
        of("count"),
        dart | {"objective": "count:poisson", "rate_drop": 0.5, "sample_type": "weighted"},
        weights,
        LATEST,
        rounds=6,
    )
    yield Case(
        "dart-targets", of("targets2"), dart | {"rate_drop": 0.5}, weights + ["one tree per output"], SINCE2, rounds=4
    )
    yield Case(
        "dart-sliced", of("real"), dart | {"rate_drop": 0.5}, weights + ["sliced"], LATEST, rounds=6, fit=c.sliced(1, 4)
    )


def linears():
    linear = {"booster": "gblinear", "eta": 0.5}
    sum_of = ["linear"]
    yield Case(
        "linear-binary",
        of("binary", missing=0),
        linear | {"objective": "binary:logistic"},
        sum_of,
        MAIN + ("1.3.3", "1.5.2", "3.1.3"),
        plain=40,
    )
    yield Case("linear-real", of("real", missing=0), linear, sum_of, SINCE2, plain=40)
    yield Case(
        "linear-missing",
        of("binary", missing=0.4),
        linear | {"objective": "binary:logistic"},
        sum_of + ["much missing"],
        MAIN,
        plain=60,
    )
    yield Case(
        "linear-classes",
        of("class3", k=6),
        linear | {"objective": "multi:softprob", "num_class": 3},
        sum_of,
        SINCE2,
        plain=40,
    )
    yield Case(
        "linear-softmax",
        of("class4"),
        linear | {"objective": "multi:softmax", "num_class": 4},
        sum_of,
        LATEST,
        plain=40,
    )
    yield Case("linear-poisson", of("count", k=1), linear | {"objective": "count:poisson"}, sum_of, SINCE2, plain=30)
    yield Case(
        "linear-base",
        of("binary", k=8),
        linear | {"objective": "binary:logistic", "base_score": 0.9},
        sum_of + ["base score given"],
        SINCE2,
        plain=60,
    )
    yield Case(
        "linear-coordinate",
        of("real"),
        linear | {"updater": "coord_descent", "feature_selector": "greedy", "top_k": 2},
        sum_of,
        LATEST,
        plain=30,
    )
    yield Case("linear-targets", of("targets2"), linear, sum_of + ["several targets"], SINCE2, plain=30)
    yield Case(
        "linear-lasso",
        of("real"),
        linear | {"reg_alpha": 0.4},
        sum_of,
        LATEST,
        plain=30,
        note="weights that are exactly 0",
    )
    yield Case(
        "linear-no-rounds",
        of("binary"),
        linear | {"objective": "binary:logistic", "base_score": 0.25},
        sum_of + ["no trees"],
        LATEST,
        rounds=0,
    )
    yield Case(
        "linear-names",
        of("real", names=["a", "b,c", "d", "e", "f"]),
        linear,
        sum_of + ["feature names"],
        LATEST,
        plain=30,
    )


def columns():
    names = ["amount, EUR", 'so-called "risk"', "pays élégants 🜁", " space around ", "tab\there"]
    yield Case(
        "names",
        of("binary", names=["amount", "hour", "count_1h", "age_days", "is_night"]),
        {"objective": "binary:logistic"},
        ["feature names"],
        MAIN + OLD + NEW,
    )
    yield Case("names-strange", of("binary", names=names), {"objective": "binary:logistic"}, ["feature names"], SINCE2)
    yield Case(
        "names-json",
        of("real", names=["back\\slash", "new\nline", "it's", "f2", "{}"]),
        {},
        ["feature names"],
        SINCE2,
        note="names that a careless writer of JSON or CSV breaks on",
    )
    yield Case(
        "names-order",
        of("real", names=["f4", "f3", "f2", "f1", "f0"]),
        {},
        ["feature names"],
        LATEST,
        note="names that look like the numbers of other columns",
    )
    yield Case(
        "types",
        of("binary", types=["float", "q", "int", "q", "i"], names=["x", "amount", "n", "share", "flag"]),
        {"objective": "binary:logistic"},
        ["feature types"],
        MAIN + ("1.3.3",),
    )
    yield Case(
        "types-indicator",
        of("real", k=5, types=["q", "q", "int", "float", "i"]),
        {"tree_method": "exact", "max_depth": 5},
        ["feature types"],
        SINCE2,
        rounds=3,
    )


def holes():
    yield Case(
        "missing-sentinel",
        partial(sentinel, -999.0),
        {"objective": "binary:logistic"},
        ["missing sentinel"],
        MAIN,
        missing=-999.0,
    )
    yield Case(
        "missing-zero",
        partial(sentinel, 0.0),
        {},
        ["missing sentinel"],
        SINCE2,
        missing=0.0,
        note="0 stands for missing, -0 as well",
    )
    yield Case(
        "missing-fraction",
        partial(sentinel, 0.1),
        {},
        ["missing sentinel"],
        LATEST,
        missing=0.1,
        note="the sentinel is compared as float32",
    )
    yield Case(
        "missing-sentinel-classes",
        partial(sentinel, -1.0, kind="class3"),
        {"objective": "multi:softprob", "num_class": 3},
        ["missing sentinel"],
        LATEST,
        missing=-1.0,
    )


def sentinel(value, rng, kind="binary"):
    from data import numeric

    d = numeric(rng, kind, missing=0.2)
    d.x = np.where(np.isnan(d.x) & (rng.uniform(size=d.x.shape) < 0.8), np.float32(value), d.x)
    return d


def attributes():
    yield Case(
        "attributes",
        of("real"),
        {},
        ["attributes"],
        MAIN + ("1.5.2",),
        fit=c.attributed,
        note="attributes named like parameters",
    )
    yield Case("sklearn-classifier", of("binary"), {}, ["scikit-learn wrapper"], MAIN, fit=c.wrapped("XGBClassifier"))
    yield Case(
        "sklearn-classes", of("class3"), {}, ["scikit-learn wrapper"], SINCE2, fit=c.wrapped("XGBClassifier"), rounds=2
    )
    yield Case(
        "sklearn-early",
        of("real"),
        {},
        ["scikit-learn wrapper", "early stopping"],
        SINCE2,
        rounds=20,
        fit=c.wrapped("XGBRegressor", early_stopping_rounds=2, learning_rate=0.9),
        note="best_iteration is in the file; the answers use every tree",
    )
    yield Case(
        "sklearn-forest",
        of("real"),
        {},
        ["scikit-learn wrapper", "random forest"],
        SINCE2,
        fit=c.wrapped("XGBRFRegressor"),
        rounds=5,
    )


CASES = [*darts(), *linears(), *columns(), *holes(), *attributes()]
