"""Cases of every loss, and of what classes are called."""

import numpy as np

import data as d
from case import ALL, Case
from columns import DEPTHWISE, LOSSGUIDE, fit, frame, scaled


class Squares:
    """An objective of one's own: squared error."""

    def calc_ders_range(self, approxes, targets, weights):
        return [(t - a, -1.0) for a, t in zip(approxes, targets)]


def own(catboost, params, p, data, case):
    return fit(catboost, params | {"loss_function": Squares(), "eval_metric": "RMSE"}, p, data, case)


def classes(*labels):
    def make(rng):
        data = d.labelled(rng, d.numbers(rng, 300), kind="class")
        names = np.array(labels, dtype=object)
        data.y = names[data.y % len(names)]
        return data

    return make


def pairs(rng):
    data = d.labelled(rng, d.numbers(rng, 240), kind="queries")
    group, y = data.extra["group_id"], data.y
    better = [(i, j) for i in range(240) for j in range(240) if group[i] == group[j] and y[i] > y[j]]
    data.extra["pairs"] = better
    return data


def survival(rng):
    data = d.labelled(rng, d.numbers(rng, 300), kind="positive")
    censored = rng.uniform(size=300) < 0.3
    data.y = np.stack([data.y, np.where(censored, -1.0, data.y)], axis=1).round(3)
    return data


def gaps(rng):
    data = d.labelled(rng, d.numbers(rng, 300), kind="numbers")
    data.y[rng.uniform(size=data.y.shape) < 0.2] = np.nan
    return data


def loss(name, kind, word=None, traits=(), params=None, **options):
    make = kind if callable(kind) else frame(kind)
    return Case(f"loss-{word or name.split(':')[0].lower()}", make, {"loss_function": name} | (params or {}), list(traits), **options)


BINARY = [
    loss("CrossEntropy", "share"),
    loss("Focal:focal_alpha=0.25;focal_gamma=2", "binary"),
    loss("Logloss", classes("genuine", "fraud"), "logloss-names", ["class names"], versions=ALL),
    loss("Logloss", classes("genuine", "fraud"), "logloss-names-json", ["class names"], format="json"),
    loss("Logloss", classes(-1, 1), "logloss-signs", ["class names"]),
    loss("Logloss", classes(0.5, 1.5), "logloss-fractions", ["class names"]),
    loss("Logloss", classes(False, True), "logloss-truths", ["class names"]),
    loss("Logloss", classes("genuine", "fraud"), "logloss-turned", ["class names"], {"class_names": ["genuine", "fraud"]}),
    loss("Logloss", "binary", "logloss-weights", ["class weights"], {"class_weights": [1, 7]}),
    loss("Logloss", "binary", "logloss-sure", ["probabilities of 0 and 1"], fit=scaled(900, 3)),
]

MULTI = [
    loss("MultiClass", "class", versions=ALL),
    loss("MultiClass", "class", "multiclass-json", format="json"),
    loss("MultiClass", "class", "multiclass-depthwise", params=DEPTHWISE),
    loss("MultiClass", "class", "multiclass-lossguide", params=LOSSGUIDE),
    loss("MultiClass", "class", "multiclass-lossguide-json", params=LOSSGUIDE, format="json"),
    loss("MultiClass", classes("b", "ü", "a"), "multiclass-names", ["class names"]),
    loss("MultiClass", classes(7, 300, -2), "multiclass-integers", ["class names"]),
    loss("MultiClass", classes(0.25, 3.0, 1.5), "multiclass-fractions", ["class names"]),
    loss("MultiClass", classes("b", "c", "a"), "multiclass-turned", ["class names"], {"class_names": ["c", "a", "b"]}),
    loss("MultiClass", classes(0, 2, 4), "multiclass-absent", ["absent classes"], {"classes_count": 6}),
    loss("MultiClass", classes(0, 2, 4), "multiclass-absent-range", ["absent classes", "range of trees"], {"classes_count": 6}, iterations=(2, 5)),
    loss("MultiClass", classes("a", "c"), "multiclass-absent-names", ["absent classes", "class names"], {"class_names": ["a", "b", "c", "d"]}),
    loss("MultiClass", classes(*range(4)), "multiclass-sure", ["probabilities of 0 and 1"], fit=scaled(900, [0] * 4)),
    loss("MultiClass", lambda rng: nine(rng), "multiclass-nine", ["nine classes"]),
    loss("MultiClassOneVsAll", "class"),
    loss("MultiClassOneVsAll", classes("b", "ü", "a"), "multiclassonevsall-names", ["class names"]),
    loss("MultiLogloss", "labels", versions=ALL),
    loss("MultiCrossEntropy", "shares"),
    loss("MultiRMSE", "numbers", traits=["bias"]),
    loss("MultiRMSE", "numbers", "multirmse-json", ["bias"], format="json"),
    loss("MultiRMSE", "numbers", "multirmse-scale", ["scale", "bias"], fit=scaled(0.3, [1.5, -2, 0.1])),
    loss("MultiRMSE", "numbers", "multirmse-range", ["range of trees", "bias"], iterations=(1, 5)),
    loss("MultiRMSEWithMissingValues", gaps, traits=["bias"]),
    loss("MultiQuantile:alpha=0.1,0.5,0.9", "number", traits=["bias"]),
    loss("RMSEWithUncertainty", "number", traits=["bias"]),
    loss("RMSEWithUncertainty", "number", "rmsewithuncertainty-json", ["bias"], format="json"),
]


def nine(rng):
    data = d.labelled(rng, d.numbers(rng, 400), kind="class")
    data.y = (data.y * 3 + rng.integers(0, 3, size=400)) % 9
    return data


NUMBERS = [
    loss("Poisson", "count", versions=ALL),
    loss("Poisson", "count", "poisson-json", format="json"),
    loss("Poisson", "count", "poisson-scale", ["scale", "bias"], fit=scaled(2.5, 0.4)),
    loss("Tweedie:variance_power=1.5", "positive"),
    loss("Quantile:alpha=0.3", "number", traits=["bias"]),
    loss("MAE", "number", traits=["bias"]),
    loss("MAPE", "positive", traits=["bias"]),
    loss("Huber:delta=5", "number"),
    loss("LogCosh", "number", traits=["bias"]),
    loss("Lq:q=2", "number"),
    loss("Expectile:alpha=0.7", "number", params={"iterations": 3}),
    loss("LogLinQuantile:alpha=0.5", "positive"),
    loss("RMSPE", "positive"),
    loss("SurvivalAft:dist=Normal", survival, params={"iterations": 4}),
    loss("Cox", "number"),
    loss("GroupQuantile:alpha=0.5", "queries"),
    loss("RMSE", "number", "own", ["objective of one's own"], fit=own),
]

RANKING = [
    loss("YetiRank", "queries", versions=ALL),
    loss("YetiRankPairwise", "queries"),
    loss("PairLogit", pairs),
    loss("PairLogitPairwise", pairs),
    loss("QueryRMSE", "queries"),
    loss("QuerySoftMax", "queries"),
    loss("StochasticRank:metric=DCG", "queries"),
    loss("StochasticFilter", lambda rng: queries01(rng)),
    loss("LambdaMart:metric=NDCG", "queries"),
]


def queries01(rng):
    data = d.labelled(rng, d.numbers(rng, 300), kind="queries")
    data.y = (data.y > 1).astype(float)
    return data


CASES = BINARY + MULTI + NUMBERS + RANKING
