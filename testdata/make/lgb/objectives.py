"""A case for every objective and link."""

import case as c
from case import ALL, LATEST, SINCE3, Case
from data import numeric


def plain():
    for objective, kind, versions in (
        ("regression", "real", ALL),
        ("regression_l1", "real", ALL),
        ("huber", "real", ALL),
        ("fair", "real", SINCE3),
        ("quantile", "real", ALL),
        ("mape", "positive", SINCE3),
        ("poisson", "count", ALL),
        ("gamma", "positive", SINCE3),
        ("tweedie", "positive", ALL),
        ("binary", "binary", ALL),
        ("cross_entropy", "share", ALL),
        ("cross_entropy_lambda", "share", ALL),
        ("lambdarank", "grades", ALL),
        ("rank_xendcg", "grades", SINCE3),
    ):
        yield Case(objective.replace("_", "-"), numeric(kind), {"objective": objective}, versions=versions)
    yield Case("multiclass", numeric("class3"), {"objective": "multiclass", "num_class": 3})
    yield Case("multiclass-four", numeric("class4"), {"objective": "multiclass", "num_class": 4}, versions=LATEST)
    yield Case("multiclassova", numeric("class3"), {"objective": "multiclassova", "num_class": 3})


def links():
    yield Case("sqrt", numeric("real"), {"objective": "regression", "reg_sqrt": True}, ["square root"])
    yield Case("sqrt-l1", numeric("real"), {"objective": "regression_l1", "reg_sqrt": True}, ["square root"], LATEST)
    yield Case("sqrt-huber", numeric("real"), {"objective": "huber", "reg_sqrt": True}, ["square root, not for huber"], SINCE3)
    yield Case("sigmoid", numeric("binary"), {"objective": "binary", "sigmoid": 0.7}, ["sigmoid 0.7"], ALL)
    yield Case(
        "sigmoid-long",
        numeric("binary"),
        {"objective": "binary", "sigmoid": 1.23863},
        ["sigmoid of many digits"],
        ALL,
        note="LightGBM reads the parameter step by step: the result is not the nearest double",
    )
    yield Case(
        "sigmoid-tiny",
        numeric("binary"),
        {"objective": "binary", "sigmoid": 1.01653e-5, "learning_rate": 2000.0, "min_sum_hessian_in_leaf": 0},
        ["sigmoid of many digits"],
        LATEST,
        note="LightGBM reads the parameter step by step: the result is not the nearest double",
    )
    yield Case(
        "sigmoid-ova",
        numeric("class3"),
        {"objective": "multiclassova", "num_class": 3, "sigmoid": 1.7},
        ["sigmoid 1.7"],
        SINCE3,
    )
    yield Case("custom", numeric("real"), {"objective": "none"}, ["no objective in the file"], ALL, fit=c.custom())
    yield Case(
        "custom-classes",
        numeric("class3"),
        {"objective": "none", "num_class": 3},
        ["no objective in the file", "several classes"],
        SINCE3,
        fit=c.custom(3),
    )
    yield Case("unbalanced", numeric("binary"), {"objective": "binary", "is_unbalance": True}, ["unbalanced"], LATEST)
    yield Case(
        "no-average", numeric("binary"), {"objective": "binary", "boost_from_average": False}, ["from zero"], ALL
    )
    # Margins at the ends of the link: leaves are set to what exp makes zero, denormal, one or infinite of.
    ends = [-746.0, -745.1, -709.5, -37.0, -1e-17, 36.8, 709.7]
    for objective, kind in (
        ("binary", "binary"),
        ("poisson", "count"),
        ("cross_entropy", "share"),
        ("cross_entropy_lambda", "share"),
    ):
        yield Case(
            f"ends-{objective.replace('_', '-')}",
            numeric(kind),
            {"objective": objective},
            ["extreme margins"],
            LATEST,
            rounds=1,
            fit=c.leaves_set(*ends),
            count=6,
        )
    yield Case(
        "ends-multiclass",
        numeric("class3"),
        {"objective": "multiclass", "num_class": 3},
        ["extreme margins"],
        LATEST,
        rounds=2,
        fit=c.leaves_set(*ends),
    )


CASES = [*plain(), *links()]
