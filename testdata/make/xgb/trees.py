"""Shapes of trees: vector leaves, forests, tree methods, depth, and ranges of rounds."""

import numpy as np

import case as c
from case import LATEST, MAIN, SINCE2, Case
from data import Data, label, numbers
from objectives import of


def vectors():
    several = {"multi_strategy": "multi_output_tree"}
    tree_each = ["one tree per output"]
    for name, kind, params in (
        ("targets", "targets2", {"objective": "reg:squarederror"}),
        ("labels", "labels3", {"objective": "binary:logistic"}),
    ):
        yield Case(f"{name}-each", of(kind), params, tree_each, MAIN)
        yield Case(f"{name}-vector", of(kind), params | several, ["vector leaves"], SINCE2 + ("3.1.3",))
    yield Case(
        "softprob-vector",
        of("class4"),
        several | {"objective": "multi:softprob", "num_class": 4},
        ["vector leaves"],
        SINCE2,
    )
    yield Case(
        "softmax-vector",
        of("class3"),
        several | {"objective": "multi:softmax", "num_class": 3},
        ["vector leaves"],
        LATEST,
    )
    yield Case(
        "vector-base", of("targets2"), several | {"base_score": 0.75}, ["vector leaves", "base score given"], SINCE2
    )
    yield Case(
        "vector-forest",
        of("targets2"),
        several | {"num_parallel_tree": 3, "subsample": 0.7, "eta": 0.5},
        ["vector leaves", "random forest"],
        SINCE2,
        rounds=2,
    )
    yield Case(
        "vector-range",
        of("targets2"),
        several,
        ["vector leaves", "range of rounds"],
        LATEST,
        rounds=5,
        iterations=(1, 4),
    )
    yield Case(
        "vector-one-leaf",
        of("targets2"),
        several | {"min_child_weight": 1e6},
        ["vector leaves", "single leaves"],
        LATEST,
        rounds=2,
    )
    yield Case("vector-deep", of("targets2"), several | {"max_depth": 8}, ["vector leaves"], LATEST, rounds=2)
    yield Case(
        "vector-lossguide",
        of("targets2"),
        several | {"grow_policy": "lossguide", "max_leaves": 9, "max_depth": 0},
        ["vector leaves", "lossguide"],
        LATEST,
        rounds=2,
    )
    yield Case(
        "quantiles-vector",
        of("real"),
        several | {"objective": "reg:quantileerror", "quantile_alpha": [0.2, 0.8]},
        ["vector leaves", "several quantiles"],
        LATEST,
    )
    yield Case(
        "labels-range",
        of("labels3"),
        {"objective": "binary:logistic"},
        tree_each + ["range of rounds"],
        SINCE2,
        rounds=4,
        iterations=(2, 4),
    )


def forests():
    draw = {"subsample": 0.6, "colsample_bynode": 0.7}
    yield Case(
        "forest",
        of("binary"),
        draw | {"objective": "binary:logistic", "num_parallel_tree": 6, "eta": 1.0},
        ["random forest"],
        MAIN,
        rounds=1,
    )
    yield Case(
        "forest-boosted",
        of("real"),
        draw | {"num_parallel_tree": 3},
        ["random forest"],
        MAIN + ("1.3.3", "1.4.2"),
        rounds=3,
    )
    yield Case(
        "forest-classes",
        of("class3"),
        draw | {"objective": "multi:softprob", "num_class": 3, "num_parallel_tree": 2},
        ["random forest"],
        SINCE2,
        rounds=2,
    )
    yield Case(
        "forest-range",
        of("real"),
        draw | {"num_parallel_tree": 3},
        ["random forest", "range of rounds"],
        SINCE2,
        rounds=4,
        iterations=(1, 3),
    )
    yield Case(
        "forest-classes-range",
        of("class3"),
        draw | {"objective": "multi:softmax", "num_class": 3, "num_parallel_tree": 2},
        ["random forest", "range of rounds"],
        LATEST,
        rounds=3,
        iterations=(1, 3),
    )
    yield Case(
        "forest-targets",
        of("targets2"),
        draw | {"num_parallel_tree": 2},
        ["random forest", "one tree per output"],
        SINCE2,
        rounds=2,
    )


def methods():
    for method in ("exact", "approx", "hist"):
        yield Case(
            f"method-{method}",
            of("real"),
            {"tree_method": method},
            [method],
            SINCE2 + (("1.4.2",) if method == "exact" else ()),
        )
    yield Case(
        "method-lossguide",
        of("real"),
        {"grow_policy": "lossguide", "max_leaves": 12, "max_depth": 0},
        ["lossguide"],
        SINCE2,
    )
    yield Case("monotone", of("real"), {"monotone_constraints": "(1,-1,0,1,0)"}, ["monotone constraints"], SINCE2)
    yield Case(
        "interaction", of("real"), {"interaction_constraints": "[[0,1],[2,3,4]]"}, ["interaction constraints"], LATEST
    )
    yield Case(
        "sampled",
        of("binary"),
        {
            "objective": "binary:logistic",
            "subsample": 0.5,
            "colsample_bytree": 0.5,
            "reg_alpha": 0.5,
            "scale_pos_weight": 3.0,
            "max_delta_step": 0.4,
        },
        ["sampling"],
        LATEST,
    )
    yield Case(
        "pruned",
        of("real"),
        {"tree_method": "exact", "max_depth": 5},
        ["deleted nodes"],
        MAIN + ("1.3.3", "1.5.2"),
        rounds=3,
        fit=c.pruned,
        note="pruning leaves deleted nodes in the arrays",
    )
    yield Case(
        "gamma",
        of("real"),
        {"tree_method": "exact", "gamma": 3.0, "max_depth": 5},
        ["deleted nodes"],
        MAIN,
        rounds=3,
        note="exact grows, then prunes: deleted nodes in the arrays",
    )
    yield Case(
        "refreshed", of("real"), {"tree_method": "exact"}, ["refreshed leaves"], LATEST, rounds=3, fit=c.refreshed
    )


def shapes():
    yield Case(
        "one-leaf",
        of("binary"),
        {"objective": "binary:logistic", "min_child_weight": 1e6},
        ["single leaves"],
        MAIN + ("1.3.3",),
        rounds=2,
        plain=30,
    )
    yield Case(
        "one-leaf-among",
        of("real"),
        {"reg_lambda": 0.0, "gamma": 40.0, "eta": 0.9},
        ["single leaves"],
        SINCE2,
        rounds=6,
        note="trees with splits first, then trees of one leaf",
    )
    for name, params in (("", {}), ("-base", {"base_score": 0.9})):
        yield Case(
            f"no-trees{name}",
            of("binary"),
            {"objective": "binary:logistic"} | params,
            ["no trees"],
            SINCE2,
            rounds=0,
            plain=20,
            note="saved before the first round",
        )
    yield Case(
        "no-trees-classes",
        of("class3"),
        {"objective": "multi:softprob", "num_class": 3},
        ["no trees"],
        SINCE2,
        rounds=0,
        plain=10,
    )
    yield Case(
        "no-trees-poisson",
        of("count"),
        {"objective": "count:poisson", "base_score": 2.5},
        ["no trees"],
        SINCE2,
        rounds=0,
        plain=10,
    )
    yield Case("stumps", of("binary"), {"objective": "binary:logistic", "max_depth": 1}, ["stumps"], LATEST, rounds=30)
    yield Case(
        "deep",
        of("real", n=260, k=3),
        {"tree_method": "exact", "max_depth": 40, "min_child_weight": 0.0, "reg_lambda": 0.0},
        ["deep trees"],
        SINCE2,
        rounds=1,
        count=30,
        fit=c.flat(lambda i, n: 1.5 ** (i % 60)),
        note="a tree far from balanced",
    )
    yield Case(
        "chain",
        chain,
        {"tree_method": "exact", "max_depth": 60, "reg_lambda": 0.0, "min_child_weight": 0.0},
        ["deep trees"],
        LATEST,
        rounds=1,
        count=40,
        fit=c.flat(lambda i, n: 1.5**i),
        note="one long chain of splits on a single feature",
    )
    yield Case("single-feature", of("real", k=1), {"max_depth": 4}, ["one feature"], LATEST)
    yield Case(
        "wide",
        wide,
        {"objective": "binary:logistic", "colsample_bytree": 0.3},
        ["many features"],
        LATEST,
        rounds=6,
        note="260 features, more than a byte can number",
    )
    yield Case("unused", of("real", k=8), {"colsample_bytree": 0.15}, ["unused features"], LATEST, rounds=2)
    yield Case("full", of("binary", missing=0), {"objective": "binary:logistic"}, ["nothing missing"], MAIN)
    yield Case("sparse", of("binary", missing=0.7), {"objective": "binary:logistic"}, ["much missing"], MAIN)
    every = {"max_depth": 60, "min_child_weight": 0.0, "reg_lambda": 0.0, "gamma": 0.0, "eta": 0.7}
    for name, n, params, versions in (
        ("cuts-256", 600, {"max_bin": 256}, SINCE2),
        ("cuts-1024", 330, {"max_bin": 1024}, LATEST),
        ("cuts-exact", 330, {"tree_method": "exact"}, LATEST),
    ):
        yield Case(
            name,
            many(n),
            every | params,
            ["256 cuts a feature" if n > 500 else "more than 256 cuts a feature"],
            versions,
            rounds=1,
            format="ubj",
            count=100,
            note="one feature, and every cut there is",
        )


def many(n):
    """One feature and noise, so that a deep tree uses every cut."""

    def make(rng):
        return Data((rng.permutation(n) / 8).astype(np.float32).reshape(-1, 1), y=rng.normal(size=n).astype(np.float32))

    return make


def chain(rng):
    x = np.arange(60, dtype=np.float32).reshape(-1, 1)
    return Data(x, y=x[:, 0])


def wide(rng):
    x = numbers(rng, 300, 260, missing=0.2)
    d = label(rng, Data(x), "binary", x[:, ::20])
    d.x[rng.uniform(size=x.shape) < 0.8] = np.nan
    return d


def ranges():
    logistic = {"objective": "binary:logistic"}
    yield Case("range-middle", of("binary"), logistic, ["range of rounds"], MAIN, rounds=5, iterations=(1, 3))
    yield Case("range-first", of("binary"), logistic, ["range of rounds"], LATEST, rounds=5, iterations=(0, 1))
    yield Case(
        "range-last",
        of("real"),
        {"base_score": 2.5},
        ["range of rounds", "base score given"],
        SINCE2,
        rounds=5,
        iterations=(4, 5),
    )
    yield Case(
        "range-classes",
        of("class3"),
        {"objective": "multi:softprob", "num_class": 3},
        ["range of rounds"],
        SINCE2,
        rounds=5,
        iterations=(2, 4),
    )
    yield Case(
        "range-dart",
        of("binary"),
        logistic | {"booster": "dart", "rate_drop": 0.4},
        ["range of rounds", "tree weights"],
        MAIN,
        rounds=6,
        iterations=(2, 5),
    )
    yield Case(
        "early-stopping",
        of("real"),
        {"eta": 0.3},
        ["early stopping"],
        MAIN + ("1.3.3",),
        rounds=30,
        fit=c.early,
        note="best_iteration is in the file; the answers use every tree",
    )
    yield Case(
        "early-stopping-classes",
        of("class3"),
        {"objective": "multi:softprob", "num_class": 3, "eta": 0.8},
        ["early stopping"],
        SINCE2,
        rounds=30,
        fit=c.early,
        iterations=(0, 1),
    )
    yield Case("sliced", of("real"), {}, ["sliced"], SINCE2, rounds=6, fit=c.sliced(2, 5))
    yield Case(
        "sliced-classes",
        of("class3"),
        {"objective": "multi:softprob", "num_class": 3},
        ["sliced"],
        SINCE2,
        rounds=4,
        fit=c.sliced(1, 3),
    )
    yield Case(
        "continued",
        of("real"),
        {},
        ["continued"],
        MAIN,
        fit=c.in_steps({"rounds": 2}, {"rounds": 2, "eta": 0.1, "max_depth": 2}),
    )


CASES = [*vectors(), *forests(), *methods(), *shapes(), *ranges()]
